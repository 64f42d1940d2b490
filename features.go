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

// bodyBatch is how many pictures go through the body at a time.
const bodyBatch = 16

// An extractor takes pictures through the frozen part of a network.
type extractor struct {
	reader   reader
	plan     *nn.Plan
	strict   bool
	cache    *featureCache // nil without
	progress func(done, total int)

	decode, compute time.Duration // spent
	cacheErr        error         // what kept features from being kept
}

// rows is what an extractor makes of samples: a row of values for each picture.
type rows struct {
	dim     int
	x       []float32 // [len(samples)][dim]
	samples []Sample  // without the bad ones
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

// counts is the number of rows of each class.
func (r rows) counts(classes int) []int {
	return Dataset{"", make([]string, classes), r.samples}.Counts()
}

// newExtractor readies an extractor that uses c's cores.
func (c *Classifier) newExtractor(plan *nn.Plan, prep Preprocess, limits Limits) *extractor {
	threads := c.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &extractor{
		reader:   reader{Preprocess: prep, Limits: limits, Threads: threads},
		plan:     plan,
		progress: func(int, int) {},
	}
}

// openCache makes x keep its rows under dir. Layers and weights are those of
// x's plan.
func (x *extractor) openCache(dir string, limit int64, layers nn.Layer, weights nn.Weights) error {
	if dir == "" {
		return nil
	}
	key, err := planKey(layers, x.plan.In, weights, x.reader.Preprocess)
	if err != nil {
		return err
	}
	x.cache, err = openFeatures(dir, key, x.plan.Out.Size(), limit)
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

// run extracts the rows of the samples, each picture once, while others are
// still being decoded. A broken picture is left out and listed, or is an error
// if x is strict. It is called once.
func (x *extractor) run(ctx context.Context, samples []Sample) (rows, error) {
	b := batcher{extractor: x, ctx: ctx, rows: rows{dim: x.plan.Out.Size()}}
	b.rows.x = make([]float32, len(samples)*b.rows.dim)
	b.in = make([]float32, bodyBatch*x.plan.In.Size())
	b.out = make([]float32, bodyBatch*b.rows.dim)
	if x.cache != nil {
		x.reader.Skip = func(i int, hash contentHash) bool {
			row, ok := x.cache.get(hash)
			return ok && len(row) == copy(b.rows.row(i), row)
		}
	}
	good := make([]bool, len(samples))
	err := x.reader.run(ctx, samples, func(i int, got readSample) error {
		defer x.progress(i+1, len(samples))
		if got.Err != nil {
			if x.strict {
				return fmt.Errorf("%s: %w", samples[i].Path, got.Err)
			}
			b.rows.bad = append(b.rows.bad, got.bad(samples[i]))
			return nil
		}
		good[i] = true
		if got.Square == nil {
			return nil
		}
		return b.add(i, got)
	})
	if err == nil {
		err = b.flush()
	}
	x.cacheErr = x.cache.close()
	t := x.reader.times()
	x.decode = t.Read + t.Decode + t.Resize
	if err != nil {
		return rows{}, err
	}
	return b.rows.compact(samples, good), nil
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
	in, out []float32
	at      []int // sample of each picture of the batch
	hashes  []contentHash
}

func (b *batcher) add(i int, got readSample) error {
	size := b.plan.In.Size()
	b.reader.Preprocess.floats(b.in[len(b.at)*size:][:size], got.Square)
	b.at, b.hashes = append(b.at, i), append(b.hashes, got.Hash)
	if len(b.at) < bodyBatch {
		return nil
	}
	return b.flush()
}

func (b *batcher) flush() error {
	n := len(b.at)
	if n == 0 {
		return nil
	}
	start := time.Now()
	err := b.plan.Run(b.ctx, b.reader.Threads, n, b.in[:n*b.plan.In.Size()], b.out[:n*b.rows.dim])
	b.compute += time.Since(start)
	if err != nil {
		return err
	}
	for k, i := range b.at {
		row := b.out[k*b.rows.dim:][:b.rows.dim]
		copy(b.rows.row(i), row)
		b.cache.put(b.hashes[k], row)
	}
	b.at, b.hashes = b.at[:0], b.hashes[:0]
	return nil
}
