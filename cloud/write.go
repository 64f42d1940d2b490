package cloud

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/argus-go/argus/tfrecord"
)

// Create starts an object. It is uploaded, whole, by Commit.
func (b *Bucket) Create(_ context.Context, name string) (tfrecord.Pending, error) {
	p := &pending{b: b, sum: md5.New()}
	if b.o.SpoolDir != "" {
		f, err := os.CreateTemp(b.o.SpoolDir, "argus-*-"+path.Base(name))
		if err != nil {
			return nil, fmt.Errorf("cloud: %s: %w", name, err)
		}
		p.file = f
	}
	return p, nil
}

// Move copies an object within the bucket and removes the old one.
func (b *Bucket) Move(ctx context.Context, from, to string) error {
	err := b.once(ctx, func() error { return b.blob.Copy(ctx, to, from, nil) })
	b.known.Delete(to)
	if gcerrors.Code(err) == gcerrors.NotFound {
		var there bool
		if again := b.once(ctx, func() (err error) { there, err = b.blob.Exists(ctx, to); return err }); again == nil && there {
			return nil
		}
	}
	if err != nil {
		return pathError("move", from, err)
	}
	return b.Remove(ctx, from)
}

// Remove removes an object.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	err := b.once(ctx, func() error { return b.blob.Delete(ctx, name) })
	b.known.Delete(name)
	if err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return pathError("remove", name, err)
	}
	return nil
}

// pending is an object that is not uploaded yet.
type pending struct {
	b      *Bucket
	file   *os.File // nil: in memory
	memory bytes.Buffer
	sum    hash.Hash
	size   int64
}

func (p *pending) Write(data []byte) (n int, err error) {
	if p.file != nil {
		n, err = p.file.Write(data)
	} else {
		n, err = p.memory.Write(data)
	}
	p.sum.Write(data[:n])
	p.size += int64(n)
	return n, err
}

// Commit uploads the object, as often as it takes, and holds what the bucket says of it
// against what was sent.
func (p *pending) Commit(ctx context.Context, name string) error {
	defer p.Discard()
	err := p.b.once(ctx, func() error {
		p.b.known.Delete(name)
		if err := p.upload(ctx, name); err != nil {
			return err
		}
		return p.check(ctx, name)
	})
	p.b.known.Delete(name)
	if err != nil {
		return pathError("upload", name, err)
	}
	return nil
}

func (p *pending) content() io.Reader {
	if p.file != nil {
		return io.NewSectionReader(p.file, 0, p.size)
	}
	return bytes.NewReader(p.memory.Bytes())
}

func (p *pending) upload(ctx context.Context, name string) error {
	ctx, cancel := context.WithCancel(ctx) // ends an upload that is not closed
	defer cancel()
	w, err := p.b.blob.NewWriter(ctx, name, &blob.WriterOptions{ContentType: contentType(name)})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, p.content()); err != nil {
		cancel()
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

func contentType(name string) string {
	if path.Ext(name) == ".json" {
		return "application/json"
	}
	return "application/octet-stream"
}

var errUpload = errors.New("bucket has other bytes than were sent")

func (p *pending) check(ctx context.Context, name string) error {
	var a *blob.Attributes
	err := p.b.once(ctx, func() (err error) {
		a, err = p.b.blob.Attributes(ctx, name)
		return err
	})
	if err != nil {
		return err
	}
	if a.Size != p.size || len(a.MD5) > 0 && !bytes.Equal(a.MD5, p.sum.Sum(nil)) {
		return fmt.Errorf("%w: %d of %d", errUpload, a.Size, p.size)
	}
	return nil
}

// Discard lets the content go.
func (p *pending) Discard() {
	p.memory = bytes.Buffer{}
	if p.file != nil {
		p.file.Close()
		_ = os.Remove(p.file.Name())
		p.file = nil
	}
}
