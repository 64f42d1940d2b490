package argus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

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
	// Skip, if any, says that a file's pixels are not needed. It is called by
	// many goroutines.
	Skip func(i int, hash contentHash) bool

	// memory holds the pixels that may be in decoding at a time: one picture of
	// the biggest size, or more smaller ones.
	memory *gate

	// Times of all workers together, in nanoseconds.
	readNS, decodeNS, resizeNS atomic.Int64
}

// readTimes is what each step took, summed over the workers.
type readTimes struct{ Read, Decode, Resize time.Duration }

func (r *reader) times() readTimes {
	return readTimes{time.Duration(r.readNS.Load()), time.Duration(r.decodeNS.Load()), time.Duration(r.resizeNS.Load())}
}

// readSample is one sample read. The zero Hash means that the file's bytes
// could not be read.
type readSample struct {
	Hash   contentHash
	Square []uint8 // Size×Size×3 RGB, valid until each returns; nil if skipped or Err
	Err    error
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

	r.memory = newGate(r.Limits.MaxPixels())
	threads := max(1, min(r.Threads, len(samples)))
	ahead := 4 * threads // bounds the squares in memory
	slots := make([]chan readSample, ahead)
	for k := range slots {
		slots[k] = make(chan readSample, 1)
	}
	free := make(chan []uint8, ahead) // squares to use again
	todo := make(chan int, ahead)
	for range threads {
		workers.Go(func() {
			for i := range todo {
				if ctx.Err() != nil {
					return
				}
				slots[i%ahead] <- r.read(i, samples[i], free)
			}
		})
	}
	defer close(todo)

	next := 0
	for i := range samples {
		for ; next < len(samples) && next < i+ahead; next++ {
			todo <- next
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case got := <-slots[i%ahead]:
			if err := each(i, got); err != nil {
				return err
			}
			if got.Square != nil {
				free <- got.Square
			}
		}
	}
	return nil
}

// read does one sample, into a free square if there is one.
func (r *reader) read(i int, s Sample, free chan []uint8) (got readSample) {
	start := time.Now()
	data, err := s.bytes(r.Limits)
	if err != nil {
		return readSample{Err: err}
	}
	got.Hash = sha256.Sum256(data)
	lap(&r.readNS, start)
	if r.Skip != nil && r.Skip(i, got.Hash) {
		return got
	}
	pixels, err := picture.Pixels(data, r.Limits)
	if err != nil {
		got.Err = err
		return got
	}
	r.memory.take(pixels)
	defer r.memory.give(pixels)
	start = time.Now()
	img, err := picture.Decode(data, r.Limits)
	start = lap(&r.decodeNS, start)
	if err != nil {
		got.Err = err
		return got
	}
	select {
	case got.Square = <-free:
	default:
		got.Square = make([]uint8, r.Preprocess.squareLen())
	}
	r.Preprocess.square(got.Square, img)
	lap(&r.resizeNS, start)
	return got
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
