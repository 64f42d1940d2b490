package fetch

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	tries   = 4       // in a row that bring less than a step
	step    = 1 << 20 // bytes
	poll    = 100 * time.Millisecond
	chunk   = 128 << 10
	longest = time.Minute // pause that a server may ask for
)

// download brings the file into the cache, or waits for another that does.
func (e entry) download(ctx context.Context, o Options, progress func(done, total int64)) error {
	from, err := o.address(e.File)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(e.path), 0o755); err != nil {
		return fmt.Errorf("%w; ARGUS_CACHE can name another folder to keep it in", err)
	}
	lock, err := os.OpenFile(e.statePath(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	d := &download{
		entry: e, from: from, client: cmp.Or(o.Client, http.DefaultClient), progress: progress,
		stall: cmp.Or(o.Stall, 30*time.Second), pause: cmp.Or(o.Pause, time.Second/2),
		part: e.path + ".part",
	}
	switch alone, err := d.turn(ctx, lock, o.lock); {
	case err != nil:
		return err
	case alone:
		d.state = lock
	default: // a file system without locks: nobody else may use this name
		d.part = e.path + "." + rand.Text() + ".part"
		defer os.Remove(d.part)
	}
	if there, _ := e.cached(ctx); there { // brought by who had the turn before
		return nil
	}
	if err := d.run(ctx); err != nil {
		return err
	}
	_ = e.vouch()
	return nil
}

// address is where to get f from.
func (o Options) address(f File) (*url.URL, error) {
	address := f.URL
	if o.Mirror != "" {
		address = strings.TrimRight(o.Mirror, "/") + "/" + f.Name()
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: want a URL with http or https, or a folder", u.Redacted())
	}
	return u, nil
}

// A download is one file under way.
type download struct {
	entry
	from     *url.URL
	client   *http.Client
	stall    time.Duration
	pause    time.Duration
	progress func(done, total int64)
	state    *os.File // nil where this file system knows no locks
	part     string

	file  *os.File  // holds the first n bytes
	hash  hash.Hash // of these
	n     int64
	total int64  // 0 where the server does not say
	etag  string // of what the bytes are from
	mixed bool   // they are from more than one answer
	kind  string // Content-Type of the last
}

// turn waits until no other downloads the file. It says false where the file
// system has no locks.
func (d *download) turn(ctx context.Context, lock *os.File, try func(*os.File) (bool, error)) (bool, error) {
	if try == nil {
		try = tryLock
	}
	for {
		locked, err := try(lock)
		if locked || err != nil {
			return locked, nil
		}
		if info, err := os.Stat(d.part); err == nil {
			d.progress(info.Size(), 0)
		}
		if err := sleep(ctx, poll); err != nil {
			return false, err
		}
	}
}

// run downloads what is not there, and puts the file in its place.
func (d *download) run(ctx context.Context) error {
	err := d.open(ctx)
	if err == nil {
		err = d.whole(ctx)
	}
	if err == nil {
		err = d.file.Sync()
	}
	if d.file != nil {
		err = errors.Join(err, d.file.Close())
	}
	if err == nil {
		return os.Rename(d.part, d.path)
	}
	if info, err := os.Stat(d.part); err == nil && info.Size() == 0 {
		os.Remove(d.part)
	}
	return err
}

// open takes up what an earlier download left.
func (d *download) open(ctx context.Context) (err error) {
	if d.file, err = os.OpenFile(d.part, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	d.hash = d.newHash()
	if d.n, err = io.Copy(d.hash, reader{ctx, d.file}); err != nil {
		return err
	}
	d.mixed = d.n > 0
	if s := d.readState(); s.URL == d.from.Redacted() {
		d.etag = s.ETag
	}
	if d.n > d.max() {
		return d.restart()
	}
	return nil
}

// restart forgets the bytes.
func (d *download) restart() error {
	d.hash.Reset()
	d.n, d.total, d.etag, d.mixed = 0, 0, "", false
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return d.file.Truncate(0)
}

// whole ends with all of the file on disk and its hash right.
func (d *download) whole(ctx context.Context) error {
	if d.n > 0 && d.compare(d.hash, d.n) == nil {
		return nil // an earlier process ended before its last step
	}
	for again := true; ; again = false {
		if err := d.rest(ctx); err != nil {
			return err
		}
		err := d.compare(d.hash, d.n)
		if err == nil {
			return nil
		}
		mixed := d.mixed // parts of two versions do not add up: once more from the start
		if restart := d.restart(); restart != nil || !mixed || !again {
			return errors.Join(fmt.Errorf("%s: %w; it came as %q", d.from.Redacted(), err, d.kind), restart)
		}
	}
}

// rest brings the bytes that are not there, in several tries where one breaks.
func (d *download) rest(ctx context.Context) error {
	for failures := 0; ; {
		before := d.n
		err := d.try(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		err = fmt.Errorf("%s: %w", d.from.Redacted(), err)
		var t *temporary
		if !errors.As(err, &t) {
			return err
		}
		if d.n >= before+step {
			failures = 0
		}
		if failures++; failures == tries {
			return err
		}
		if err := sleep(ctx, max(d.pause<<(failures-1), min(t.after, longest))); err != nil {
			return err
		}
	}
}

var errStall = errors.New("stalled")

// try asks once for the bytes that are not there and writes what comes.
func (d *download) try(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(d.stall, func() { cancel(errStall) })
	defer watch.Stop()
	answer, err := d.ask(ctx)
	if err != nil {
		return d.broken(ctx, err)
	}
	defer answer.Body.Close()
	if err := d.accept(answer); err != nil {
		return err
	}
	for buf := make([]byte, chunk); ; {
		watch.Reset(d.stall)
		n, err := answer.Body.Read(buf)
		watch.Stop()
		if err := d.write(buf[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return d.broken(ctx, err)
		}
	}
}

func (d *download) ask(ctx context.Context) (*http.Response, error) {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, d.from.String(), nil)
	if err != nil {
		return nil, err
	}
	ask.Header.Set("Accept-Encoding", "identity") // lengths are of the file
	if d.n > 0 {
		ask.Header.Set("Range", fmt.Sprintf("bytes=%d-", d.n))
		if d.etag != "" {
			ask.Header.Set("If-Range", d.etag)
		}
	}
	return d.client.Do(ask)
}

// accept readies the file for the body of the answer.
func (d *download) accept(answer *http.Response) error {
	d.kind = answer.Header.Get("Content-Type")
	switch answer.StatusCode {
	case http.StatusOK: // from the start, whatever was asked
		if err := d.restart(); err != nil {
			return err
		}
		d.etag = strongETag(answer)
		d.total = max(answer.ContentLength, 0)
		if err := d.note(); err != nil {
			return err
		}
	case http.StatusPartialContent:
		first, total := contentRange(answer)
		if etag := strongETag(answer); first != d.n || d.etag != "" && etag != "" && etag != d.etag {
			was := d.n
			return errors.Join(d.restart(), &temporary{fmt.Errorf("asked for the bytes from %d, answered with %q", was, answer.Header.Get("Content-Range")), 0})
		}
		d.total, d.mixed = total, true
	case http.StatusRequestedRangeNotSatisfiable:
		return errors.Join(d.restart(), &temporary{errors.New(answer.Status), 0})
	default:
		return status(answer)
	}
	if d.total > d.max() {
		return fmt.Errorf("it has %d bytes, at most %d can be right", d.total, d.max())
	}
	return nil
}

// note keeps for a later process which version the bytes are of.
func (d *download) note() error {
	if d.state == nil {
		return nil
	}
	return writeState(d.state, state{URL: d.from.Redacted(), ETag: d.etag})
}

// count says how many bytes are there.
func (d *download) count() string {
	if d.total == 0 {
		return fmt.Sprintf("%d bytes", d.n)
	}
	return fmt.Sprintf("%d of %d bytes", d.n, d.total)
}

func (d *download) write(b []byte) error {
	if d.n+int64(len(b)) > d.max() {
		return errors.Join(fmt.Errorf("more than %d bytes came", d.max()), d.restart())
	}
	if _, err := d.file.Write(b); err != nil {
		return fmt.Errorf("after %s: %w", d.count(), err)
	}
	d.hash.Write(b)
	d.n += int64(len(b))
	if len(b) > 0 {
		d.progress(d.n, d.total)
	}
	return nil
}
