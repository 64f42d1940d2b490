package argus

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/picture"
)

// contentHash is the SHA-256 of a file's bytes.
type contentHash [sha256.Size]byte

// bytes reads the file, no more than l allows.
func (s Sample) bytes(l Limits) ([]byte, error) {
	f, err := s.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: s.Path, Err: fmt.Errorf("is not a regular file: %v", info.Mode())}
	}
	if err := l.CheckBytes(info.Size()); err != nil {
		return nil, err
	}
	return picture.Read(f, l)
}

// reader reads, decodes and resizes the samples of a dataset.
type reader struct {
	Preprocess Preprocess // complete
	Limits     Limits
	Threads    int // workers, at least 1
	// Views, if any, says which views of a sample are wanted: 0 is the picture
	// itself, the others are the versions that Augment makes of its square.
	Views   func(Sample) []int
	Augment augment.Augmentor
	// Skip, if any, says that view k of Views is not needed, going by its hash. It
	// is called by many goroutines, as is Made with a view that Augment made.
	Skip func(i, k int, hash contentHash) bool
	Made func(s Sample, square []uint8) error
	// Ahead is how many bytes of squares may be in memory, but for those of one sample,
	// which always may: 32 MB by default.
	Ahead int

	// memory holds the pixels that may be in decoding at a time: one picture of
	// the biggest size, or more smaller ones.
	memory *gate

	augmentDigest string

	// Times of all workers together, in nanoseconds.
	readNS, decodeNS, resizeNS, augmentNS atomic.Int64
}

// readTimes is what each step took, summed over the workers.
type readTimes struct{ Read, Decode, Resize, Augment time.Duration }

func (r *reader) times() readTimes {
	return readTimes{time.Duration(r.readNS.Load()), time.Duration(r.decodeNS.Load()), time.Duration(r.resizeNS.Load()), time.Duration(r.augmentNS.Load())}
}

// readSample is one sample read.
type readSample struct {
	Views []readView
	Err   error
	fatal bool // Err is not the picture's fault
}

// readView is one view of a sample.
type readView struct {
	// Hash is that of the file's bytes for the picture itself, and follows from
	// it, the Augmentor and the view's number for others.
	Hash   contentHash
	Square []uint8 // Size×Size×3 RGB, valid until each returns; nil if skipped
}

// bad returns the sample as a broken picture.
func (r readSample) bad(s Sample) BadPicture { return BadPicture{s.Path, r.Err.Error()} }

// run calls each(i, …) for i = 0, 1, …, len(samples)−1, in that order and on
// the caller's goroutine, while r.Threads workers read ahead by a few pictures.
// A broken picture is a readSample with Err. Run ends early with each's error
// or ctx's. No worker is left when it returns.
func (r *reader) run(ctx context.Context, samples []Sample, each func(i int, got readSample) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()

	digest, err := r.Augment.Digest()
	if err != nil {
		return err
	}
	r.augmentDigest, r.memory = digest, newGate(r.Limits.MaxPixels())
	threads := max(1, min(r.Threads, len(samples)))
	ahead := 4 * threads
	slots := make([]chan readSample, ahead)
	for k := range slots {
		slots[k] = make(chan readSample, 1)
	}
	todo := make(chan int, ahead)
	for range threads {
		workers.Go(func() {
			for i := range todo {
				if ctx.Err() != nil {
					return
				}
				slots[i%ahead] <- r.read(i, samples[i])
			}
		})
	}
	defer close(todo)

	next, held, most := 0, 0, cmp.Or(r.Ahead, 32<<20)
	for i := range samples {
		for ; next < len(samples) && next < i+ahead; next++ {
			size := r.size(samples[next])
			if next > i && held+size > most {
				break
			}
			held += size
			todo <- next
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case got := <-slots[i%ahead]:
			if got.fatal {
				return got.Err
			}
			if err := each(i, got); err != nil {
				return err
			}
			for _, v := range got.Views {
				picture.Reuse(v.Square)
			}
			held -= r.size(samples[i])
		}
	}
	return nil
}

// size is how many bytes the squares of a sample take.
func (r *reader) size(s Sample) int {
	if r.Views == nil {
		return r.Preprocess.squareLen()
	}
	return r.Preprocess.squareLen() * len(r.Views(s))
}

// read does one sample.
func (r *reader) read(i int, s Sample) readSample {
	start := time.Now()
	data, err := s.bytes(r.Limits)
	if err != nil {
		return readSample{Err: err}
	}
	hash := contentHash(sha256.Sum256(data))
	lap(&r.readNS, start)
	wanted := []int{0}
	if r.Views != nil {
		wanted = slices.Clone(r.Views(s))
	}
	views, todo := make([]readView, len(wanted)), 0
	for k, view := range wanted {
		views[k].Hash = r.viewHash(hash, view)
		if r.Skip != nil && r.Skip(i, k, views[k].Hash) {
			wanted[k] = skipped
			continue
		}
		todo++
	}
	if todo == 0 {
		return readSample{Views: views}
	}
	square, err := r.square(data)
	if err != nil {
		return readSample{Err: err}
	}
	start = time.Now()
	defer lap(&r.augmentNS, start)
	if !slices.Contains(wanted, 0) {
		defer picture.Reuse(square)
	}
	for k, view := range wanted {
		switch {
		case view == 0:
			views[k].Square = square
		case view != skipped:
			if views[k].Square, err = r.view(square, hash, view); err != nil {
				return readSample{Err: err}
			}
			if s.view = view; r.Made != nil {
				if err := r.Made(s, views[k].Square); err != nil {
					return readSample{Err: err, fatal: true}
				}
			}
		}
	}
	return readSample{Views: views}
}

const skipped = -1

// square decodes and resizes a file.
func (r *reader) square(data []byte) ([]uint8, error) {
	pixels, err := picture.Pixels(data, r.Limits)
	if err != nil {
		return nil, err
	}
	r.memory.take(pixels)
	defer r.memory.give(pixels)
	start := time.Now()
	img, err := r.Preprocess.decode(data, r.Limits)
	start = lap(&r.decodeNS, start)
	if err != nil {
		return nil, err
	}
	square := picture.Blank(r.Preprocess.Size, r.Preprocess.Size).Pix
	r.Preprocess.square(square, img)
	img.Free()
	lap(&r.resizeNS, start)
	return square, nil
}

// view makes a view of a picture's square.
func (r *reader) view(square []uint8, hash contentHash, view int) ([]uint8, error) {
	size := r.Preprocess.Size
	out, err := r.Augment.ApplyRGB(&augment.RGB{W: size, H: size, Pix: square}, augment.Key{Content: hash, Epoch: view})
	if err != nil {
		return nil, err
	}
	if out.W != size || out.H != size {
		return nil, fmt.Errorf("augmented picture is %d×%d, want the network's %d×%d", out.W, out.H, size, size)
	}
	if &out.Pix[0] == &square[0] {
		out = picture.Blank(size, size)
		copy(out.Pix, square)
	}
	return out.Pix, nil
}

// viewHash is what a view is known by.
func (r *reader) viewHash(hash contentHash, view int) contentHash {
	if view == 0 {
		return hash
	}
	return sha256.Sum256(fmt.Appendf(hash[:], "%s %d", r.augmentDigest, view))
}

// gate lets through takers of no more than free units together.
type gate struct {
	mu   sync.Mutex
	more sync.Cond
	free int
}

func newGate(free int) *gate {
	g := &gate{free: free}
	g.more.L = &g.mu
	return g
}

func (g *gate) take(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.free < n {
		g.more.Wait()
	}
	g.free -= n
}

func (g *gate) give(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free += n
	g.more.Broadcast()
}

// lap adds the time since start to ns.
func lap(ns *atomic.Int64, start time.Time) time.Time {
	now := time.Now()
	ns.Add(int64(now.Sub(start)))
	return now
}

// hash reads the file only for its hash.
func (s Sample) hash(l Limits) (contentHash, error) {
	data, err := s.bytes(l)
	if err != nil {
		return contentHash{}, err
	}
	return sha256.Sum256(data), nil
}
