// Package fetch brings a file of a known address and hash onto this machine:
// from the cache, a folder, a mirror or where it was published.
//
// In the cache a file lies at DIR/weights/HASH/NAME, where HASH is the first
// eight digits of its published hash. Beside it NAME.part is a download that is
// not done, and NAME.state a line of JSON that says what was found good.
package fetch

import (
	"cmp"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// A File is what was published.
type File struct {
	URL  string // its last part is the file's name
	Hash string // hexadecimal: 32 digits are MD5, 64 SHA-256
	Max  int64  // the most bytes that it may have; 0 stands for 1 GiB
}

// Name is the last part of the URL.
func (f File) Name() string {
	if u, err := url.Parse(f.URL); err == nil {
		return path.Base(u.Path)
	}
	return ""
}

// Digest is the hash with its kind in front: "md5:…".
func (f File) Digest() string {
	if len(f.Hash) == 2*md5.Size {
		return "md5:" + f.Hash
	}
	return "sha256:" + f.Hash
}

func (f File) newHash() hash.Hash {
	if len(f.Hash) == 2*md5.Size {
		return md5.New()
	}
	return sha256.New()
}

func (f File) max() int64 { return cmp.Or(f.Max, 1<<30) }

func (f File) check() error {
	sum, err := hex.DecodeString(f.Hash)
	if err != nil || len(sum) != md5.Size && len(sum) != sha256.Size || strings.ToLower(f.Hash) != f.Hash {
		return fmt.Errorf("hash %q is neither an MD5 nor a SHA-256 in small hexadecimal digits", f.Hash)
	}
	if name := f.Name(); name == "" || name == "." || name == "/" || strings.ContainsAny(name, `\:`) {
		return fmt.Errorf("%q names no file", f.URL)
	}
	return nil
}

// Options of Get; the zero value is complete.
type Options struct {
	Cache  string        // folder; "" stands for $ARGUS_CACHE, else argus in the user's cache folder
	Mirror string        // folder, or prefix of a URL, that has the files by their names; "" stands for $ARGUS_WEIGHTS, else none
	Client *http.Client  // nil stands for http.DefaultClient
	Stall  time.Duration // so long without a byte breaks a connection; 0 stands for 30 s
	Pause  time.Duration // before the first retry, then twice as long each time; 0 stands for .5 s

	lock func(*os.File) (bool, error) // nil stands for tryLock
}

// ErrHash says that a file is not the one that was published.
var ErrHash = errors.New("not the published file")

// Get returns where f lies on this machine, its content checked.
//
// A file in the cache is hashed once, and again when its size or time of change
// is another than then; no network is used for it. Else a mirror that is a
// folder is looked into, and its file hashed and used in place. Else the file
// is downloaded into the cache: by one process at a time, while others wait for
// it; going on with what an earlier one left; and tried anew a few times where
// the network or the server fails. Progress may be nil; total is 0 while it is
// not known. An error says which file to put where.
func Get(ctx context.Context, f File, o Options, progress func(done, total int64)) (string, error) {
	if err := f.check(); err != nil {
		return "", fmt.Errorf("fetch: %w", err)
	}
	if progress == nil {
		progress = func(done, total int64) {}
	}
	o.Mirror = cmp.Or(o.Mirror, os.Getenv("ARGUS_WEIGHTS"))
	e := entry{File: f}
	dir, err := o.cacheFolder()
	switch {
	case err == nil:
		e.path = filepath.Join(dir, "weights", f.Hash[:8], f.Name())
	case !o.hasFolder():
		return "", fmt.Errorf("fetch: %s: %w", f.Name(), err)
	}
	at, err := e.get(ctx, o, progress)
	if err != nil {
		return "", fmt.Errorf("fetch: %s: %w%s", f.Name(), err, e.help(ctx))
	}
	if info, err := os.Stat(at); err == nil {
		progress(info.Size(), info.Size())
	}
	return at, nil
}

func (o Options) cacheFolder() (string, error) {
	dir := cmp.Or(o.Cache, os.Getenv("ARGUS_CACHE"))
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to keep it in, ARGUS_CACHE can name one: %w", err)
		}
		dir = filepath.Join(user, "argus")
	}
	return filepath.Abs(dir)
}

// hasFolder says whether the mirror is a folder.
func (o Options) hasFolder() bool { return o.Mirror != "" && !strings.Contains(o.Mirror, "://") }

// An entry is a file and its place in the cache, "" where there is none.
type entry struct {
	File
	path string
}

func (e entry) get(ctx context.Context, o Options, progress func(done, total int64)) (string, error) {
	cached, err := e.cached(ctx)
	if cached {
		return e.path, nil
	}
	if o.hasFolder() {
		at := filepath.Join(o.Mirror, e.Name())
		return at, e.verify(ctx, at)
	}
	if err != nil && !errors.Is(err, ErrHash) {
		return "", err
	}
	if download := e.download(ctx, o, progress); download != nil {
		return "", errors.Join(download, err)
	}
	return e.path, nil
}

// cached says whether the cache has the file. The error says why it may not be
// used: it is not the published one, or cannot be read.
func (e entry) cached(ctx context.Context) (bool, error) {
	info, err := os.Stat(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if e.readState().vouches(e.Hash, info) {
		return true, nil
	}
	if err := e.verify(ctx, e.path); err != nil {
		return false, err
	}
	_ = e.vouch() // in a cache that cannot be written, the file is hashed each time
	return true, nil
}

// verify wants the file at path to have the published hash.
func (e entry) verify(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // a named pipe would wait for a writer
		return fmt.Errorf("%s is not a regular file: %v", path, info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := e.newHash()
	n, err := io.Copy(h, reader{ctx, io.LimitReader(f, e.max()+1)})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := e.compare(h, n); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// compare wants h, the hash of n bytes, to be the published one.
func (e entry) compare(h hash.Hash, n int64) error {
	if sum := hex.EncodeToString(h.Sum(nil)); sum != e.Hash {
		kind, _, _ := strings.Cut(e.Digest(), ":")
		return fmt.Errorf("%w: %s of its %d bytes is %s, want %s", ErrHash, kind, n, sum, e.Hash)
	}
	return nil
}

// help says what to do without a network.
func (e entry) help(ctx context.Context) string {
	if ctx.Err() != nil {
		return ""
	}
	place := ""
	if e.path != "" {
		place = "\n\tput it at " + e.path + ","
	}
	return fmt.Sprintf("\n\tthe file is %s (%s);%s\n\tor set ARGUS_WEIGHTS to a folder, or a mirror's URL, that has it as %s",
		e.URL, e.Digest(), place, e.Name())
}

// reader reads until the context ends.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}
