// Package pretrained makes backbones of networks whose weights are published
// in Keras' HDF5 files.
package pretrained

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/argus-go/argus/internal/fetch"
	"github.com/argus-go/argus/internal/imagenet"
	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/nn"
)

// Weights says what is published of one network: a file with the top for
// ImageNet's 1000 classes and one without.
type Weights struct {
	Whole, Body Hashed
	From        string // URL of the folder that has both
	Source      string // who made them
	Licence     string // SPDX identifier
}

// Hashed is a file by its name and its published MD5 or SHA-256, hexadecimal.
type Hashed struct{ Name, Hash string }

// Backbone is m, whose top has 1000 classes, with the weights w. Of several
// downloads the last counts.
func Backbone(m nn.Model, w Weights, how []nn.Download) nn.Backbone {
	var d nn.Download
	if len(how) > 0 {
		d = how[len(how)-1]
	}
	body := m
	body.Top = nil
	b := w.of(m, w.Whole, d)
	b.Classes = imagenet.Classes()
	bare := w.of(body, w.Body, d)
	b.Body = &bare
	return b
}

// of is the network m with the weights that file holds.
func (w Weights) of(m nn.Model, file Hashed, d nn.Download) nn.Backbone {
	published := fetch.File{URL: w.From + file.Name, Hash: file.Hash}
	return nn.Backbone{
		Model: m,
		Weights: func(ctx context.Context, progress func(done, total int64)) (nn.Weights, error) {
			return load(ctx, m, published, d, progress)
		},
		Origin: nn.Origin{
			Source:  fmt.Sprintf("%s, ImageNet; %s; %s", m.Name, w.Source, published.URL),
			Licence: w.Licence,
			Digest:  published.Digest(),
		},
	}
}

func load(ctx context.Context, m nn.Model, file fetch.File, d nn.Download, progress func(done, total int64)) (nn.Weights, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := m.Input.Shape()
	params, err := nn.Params(m.Whole(), in)
	if err != nil {
		return nil, err
	}
	file.Max = most(params)
	path, err := fetch.Get(ctx, file, fetch.Options{Cache: d.Cache, Mirror: d.Mirror}, progress)
	if err != nil {
		return nil, err
	}
	layers, err := keras.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := checkInput(layers, m.Input); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	weights, err := keras.Place(layers, m.Whole(), in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return weights, nil
}

// most is more than the bytes of a file with these parameters: the largest
// share of names and alignment seen is a tenth.
func most(params []nn.Param) int64 {
	n := int64(16 << 20)
	for _, p := range params {
		n += 5 * int64(p.Size())
	}
	return n
}

// checkInput wants the Normalization layer of a file, where it has one, to be
// what in does. For weights="imagenet" Keras adds a layer that divides by the
// square root of the standard deviation; the variance in these files is in
// truth the deviation, so that both come to (x/255-mean)/deviation
// (github.com/tensorflow/tensorflow/issues/49930).
func checkInput(layers []keras.Layer, in nn.Input) error {
	for _, l := range layers {
		if l.Name != "normalization" && !strings.HasPrefix(l.Name, "normalization_") || len(l.Weights) != 3 {
			continue
		}
		mean, deviation := l.Weights[0].Data, l.Weights[1].Data
		if len(mean) != 3 || len(deviation) != 3 {
			return fmt.Errorf("%s has %d means and %d variances, want 3", l.Name, len(mean), len(deviation))
		}
		for c := range 3 {
			if !near(255*mean[c], in.Mean[c]) || !near(255*deviation[c], in.Std[c]) {
				return fmt.Errorf("%s has mean %v and variance %v, want those of (x-%v)/%v over 255", l.Name, mean, deviation, in.Mean, in.Std)
			}
		}
	}
	return nil
}

func near(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-5*math.Abs(float64(b)) }
