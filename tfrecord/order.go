package tfrecord

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sort"
	"sync"
)

// shuffle puts the pictures in the order of SHA-256(seed, view, path), so that two
// of them keep their order when others are added.
func (g group) shuffle(seed uint64) {
	keys := make([][sha256.Size]byte, len(g.images))
	for i, img := range g.images {
		keys[i] = sha256.Sum256(append(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, seed), uint64(img.number)), img.Path...))
	}
	sort.Stable(&byKey{g.images, keys})
}

type byKey struct {
	images []view
	keys   [][sha256.Size]byte
}

func (b *byKey) Len() int           { return len(b.keys) }
func (b *byKey) Less(i, j int) bool { return bytes.Compare(b.keys[i][:], b.keys[j][:]) < 0 }
func (b *byKey) Swap(i, j int) {
	b.images[i], b.images[j] = b.images[j], b.images[i]
	b.keys[i], b.keys[j] = b.keys[j], b.keys[i]
}

// inOrder calls each(i, work(i)) for i = from … n−1 in that order, on the caller's
// goroutine, while the given number of goroutines work ahead by a few. It ends early
// with each's error or ctx's, and leaves no goroutine behind.
func inOrder[T any](ctx context.Context, from, n, threads int, work func(i int) T, each func(i int, got T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	threads = max(1, min(threads, n-from))
	ahead := 2 * threads
	slots := make([]chan T, ahead)
	for k := range slots {
		slots[k] = make(chan T, 1)
	}
	todo := make(chan int, ahead)
	defer close(todo)
	for range threads {
		workers.Go(func() {
			for i := range todo {
				if ctx.Err() != nil {
					return
				}
				slots[i%ahead] <- work(i)
			}
		})
	}
	next := from
	for i := from; i < n; i++ {
		for ; next < min(n, i+ahead); next++ {
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
		}
	}
	return nil
}
