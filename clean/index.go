package clean

import (
	"context"
	"math/bits"
	"slices"
	"sync"
)

// Hashes that differ in at most 11 of 64 bits agree but for two bits, or fewer,
// in one of four chunks of 16: so only the 137 buckets around a chunk's value
// need a look (multi-index hashing, Norouzi, Punjani and Fleet, arXiv:1307.2982).
const (
	radius    = chunks*(chunkOff+1) - 1
	chunks    = 4
	chunkOff  = 2
	chunkBits = 64 / chunks
)

// chunk is every fourth bit of h from bit k on: neighbouring bits go together in
// photographs, and would fill few buckets.
func (h hash) chunk(k int) uint16 {
	x := uint64(h) >> k & 0x1111111111111111
	x = (x | x>>3) & 0x0303030303030303
	x = (x | x>>6) & 0x000f000f000f000f
	x = (x | x>>12) & 0x000000ff000000ff
	return uint16(x | x>>24)
}

// apart is the number of bits in which two hashes differ.
func apart(a, b hash) int { return bits.OnesCount64(uint64(a ^ b)) }

// masks are the numbers of 16 bits with two ones or fewer.
var masks = func() (m []uint16) {
	for v := range 1 << chunkBits {
		if bits.OnesCount16(uint16(v)) <= chunkOff {
			m = append(m, uint16(v))
		}
	}
	return m
}()

// buckets are hashes by the value of one chunk: those of value v are at
// start[v] to start[v+1].
type buckets struct {
	start  [1<<chunkBits + 1]uint32
	hashes []hash
	ids    []uint32 // into what the buckets were made of
}

func bucketsOf(hashes []hash, chunk int) *buckets {
	b := &buckets{hashes: make([]hash, len(hashes)), ids: make([]uint32, len(hashes))}
	for _, h := range hashes {
		b.start[int(h.chunk(chunk))+1]++
	}
	for v := range 1 << chunkBits {
		b.start[v+1] += b.start[v]
	}
	next := b.start
	for i, h := range hashes {
		at := &next[h.chunk(chunk)]
		b.hashes[*at], b.ids[*at] = h, uint32(i)
		*at++
	}
	return b
}

// A match is a pair of hashes that are close.
type match struct {
	query, entry uint32
	bits         uint8
}

// near finds all pairs of queries and entries that differ in no more than radius
// bits. It gives them to found piece by piece, in no order, one call at a time.
func near(ctx context.Context, threads int, queries, entries []hash, found func([]match)) error {
	const step = 256 // values of a chunk that are one task
	var calls sync.Mutex
	for k := range chunks {
		q, e := bucketsOf(queries, k), bucketsOf(entries, k)
		err := each(ctx, threads, 1<<chunkBits/step, func(task int) {
			var got []match
			flush := func() {
				calls.Lock()
				defer calls.Unlock()
				found(got)
				got = got[:0]
			}
			for v := task * step; v < (task+1)*step; v++ {
				lo, hi := q.start[v], q.start[v+1]
				if lo == hi {
					continue
				}
				for _, mask := range masks {
					from, to := e.start[v^int(mask)], e.start[v^int(mask)+1]
					for i := lo; i < hi; i++ {
						got = e.scan(got, q.hashes[i], q.ids[i], from, to, k)
					}
					if len(got) > 1<<16 {
						flush()
					}
				}
			}
			flush()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// scan appends the entries of from to to that are close to h, unless an earlier
// chunk has found them.
func (b *buckets) scan(got []match, h hash, id uint32, from, to uint32, chunk int) []match {
	for j, other := range b.hashes[from:to] {
		if n := apart(h, other); n <= radius && firstChunk(h^other) == chunk {
			got = append(got, match{id, b.ids[int(from)+j], uint8(n)})
		}
	}
	return got
}

// firstChunk is the first chunk in which a difference has two bits or fewer.
func firstChunk(difference hash) int {
	for k := range chunks {
		if bits.OnesCount16(difference.chunk(k)) <= chunkOff {
			return k
		}
	}
	return chunks
}

// distinct lists the different hashes, and for each of hashes its place among them.
func distinct(hashes []hash) (list []hash, at []uint32) {
	list = slices.Clone(hashes)
	slices.Sort(list)
	list = slices.Compact(list)
	at = make([]uint32, len(hashes))
	for i, h := range hashes {
		j, _ := slices.BinarySearch(list, h)
		at[i] = uint32(j)
	}
	return list, at
}
