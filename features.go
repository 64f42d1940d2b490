package argus

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
)

// An extractor takes pictures through the frozen part of a network.
type extractor struct {
	reader   reader
	runner   *runner
	strict   bool
	cache    *featureCache // nil without
	progress func(done, total int)

	decode, compute time.Duration // spent
	cacheErr        error         // what kept features from being kept
}

// rows is what an extractor makes of samples: a row of values for each view of
// each picture.
type rows struct {
	dim     int
	x       []float32 // [len(samples)][dim]
	samples []Sample  // of the rows, without the bad ones
	bad     []BadPicture
}

// part returns the rows of one split, which lie together as in the Dataset.
func (r rows) part(split Split) rows {
	is := func(s Sample) bool { return s.Split == split }
	lo := max(0, slices.IndexFunc(r.samples, is))
	hi := lo
	for hi < len(r.samples) && is(r.samples[hi]) {
		hi++
	}
	return rows{dim: r.dim, x: r.x[lo*r.dim : hi*r.dim], samples: r.samples[lo:hi]}
}

func (r rows) row(i int) []float32 { return r.x[i*r.dim : (i+1)*r.dim] }

// counts is the number of pictures of each class, views not counted.
func (r rows) counts(classes int) []int {
	counts := make([]int, classes)
	for _, s := range r.samples {
		if s.view == 0 {
			counts[s.Label]++
		}
	}
	return counts
}

// newExtractor readies an extractor that takes pictures through r's body on c's
// cores.
func (c *Classifier) newExtractor(r *runner, prep Preprocess, limits Limits) *extractor {
	threads := c.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &extractor{
		reader:   reader{Preprocess: prep, Limits: limits, Threads: threads},
		runner:   r,
		progress: func(int, int) {},
	}
}

// openCache makes x keep its rows under dir. Layers are the body's, s has its
// weights.
func (x *extractor) openCache(dir string, limit int64, layers nn.Layer, s *snapshot) error {
	if dir == "" {
		return nil
	}
	weights, err := s.all()
	if err != nil {
		return err
	}
	key, err := planKey(layers, x.runner.body.In, weights, x.reader.Preprocess)
	if err != nil {
		return err
	}
	x.cache, err = openFeatures(dir, key, x.runner.body.Out.Size(), limit)
	return err
}

// planKey names what, beside a picture's file, decides on its features.
func planKey(layers nn.Layer, in nn.Shape, weights nn.Weights, prep Preprocess) (string, error) {
	own, err := weights.Of(layers, in)
	if err != nil {
		return "", err
	}
	var tensors []safetensors.Tensor
	for _, name := range slices.Sorted(maps.Keys(own)) {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: own[name].Shape, Data: own[name].Data})
	}
	network, err := nn.MarshalLayer(layers)
	if err != nil {
		return "", err
	}
	how, err := json.Marshal(prep)
	if err != nil {
		return "", err
	}
	return safetensors.Digest(tensors, map[string]string{"network": string(network), "preprocess": string(how)})
}

// run extracts the rows of the samples, each picture decoded once, while others
// are still being decoded. A broken picture is left out and listed, or is an
// error if x is strict. It is called once.
func (x *extractor) run(ctx context.Context, samples []Sample) (rows, error) {
	views, first := x.viewsOf(samples)
	all := rows{dim: x.runner.body.Out.Size()}
	all.x = make([]float32, len(views)*all.dim)
	b := batcher{extractor: x, ctx: ctx, rows: all}
	if x.cache != nil {
		x.reader.Skip = func(i, k int, hash contentHash) bool {
			row, ok := x.cache.get(hash)
			return ok && len(row) == copy(all.row(first[i]+k), row)
		}
	}
	var bad []BadPicture
	good := make([]bool, len(views))
	err := x.reader.run(ctx, samples, func(i int, got readSample) error {
		defer x.progress(i+1, len(samples))
		if got.Err != nil {
			if x.strict {
				return fmt.Errorf("%s: %w", samples[i].Path, got.Err)
			}
			bad = append(bad, got.bad(samples[i]))
			return nil
		}
		for k, view := range got.Views {
			good[first[i]+k] = true
			if view.Square == nil {
				continue
			}
			if err := b.add(first[i]+k, view); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = b.flush()
	}
	x.cacheErr = x.cache.close()
	t := x.reader.times()
	x.decode = t.Read + t.Decode + t.Resize + t.Augment
	if err != nil {
		return rows{}, err
	}
	all = all.compact(views, good)
	all.bad = bad
	return all, nil
}

// viewsOf lists the views of all samples, and where those of each begin.
func (x *extractor) viewsOf(samples []Sample) (views []Sample, first []int) {
	if x.reader.Views == nil {
		x.reader.Views = func(Sample) []int { return []int{0} }
	}
	for _, s := range samples {
		first = append(first, len(views))
		for _, s.view = range x.reader.Views(s) {
			views = append(views, s)
		}
	}
	return views, first
}

// compact leaves out the rows that are not good.
func (r rows) compact(samples []Sample, good []bool) rows {
	n := 0
	for i, ok := range good {
		if ok {
			copy(r.row(n), r.row(i))
			r.samples = append(r.samples, samples[i])
			n++
		}
	}
	r.x = r.x[:n*r.dim]
	return r
}

// A batcher gathers pictures until there is a batch of them.
type batcher struct {
	*extractor
	ctx     context.Context
	rows    rows
	squares []uint8 // pixels of the pictures of the batch
	at      []int   // their rows
	hashes  []contentHash
}

func (b *batcher) add(i int, got readView) error {
	b.squares = append(b.squares, got.Square...)
	b.at, b.hashes = append(b.at, i), append(b.hashes, got.Hash)
	if len(b.at) < pieces[0] {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	n := len(b.at)
	if n == 0 {
		return nil
	}
	prep := b.reader.Preprocess
	y := make([]float32, n*b.rows.dim)
	start := time.Now()
	err := b.runner.run(b.ctx, bodyWay, b.reader.Threads, n, y, func(at int, dst []float32) {
		prep.floats(dst, b.squares[at*prep.squareLen():][:len(dst)])
	})
	b.compute += time.Since(start)
	if err != nil {
		return err
	}
	for k, i := range b.at {
		row := y[k*b.rows.dim:][:b.rows.dim]
		copy(b.rows.row(i), row)
		b.cache.put(b.hashes[k], row)
	}
	b.squares, b.at, b.hashes = b.squares[:0], b.at[:0], b.hashes[:0]
	return nil
}
