// Package pretrained makes backbones of networks whose weights are published
// in Keras' HDF5 files.
package pretrained

import (
	"context"
	"fmt"
	"os"

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
	params, err := nn.Params(m.Whole(), m.Input.Shape())
	if err != nil {
		return nil, err
	}
	file.Max = most(params)
	path, err := fetch.Get(ctx, file, fetch.Options{Cache: d.Cache, Mirror: d.Mirror}, progress)
	if err != nil {
		return nil, err
	}
	weights, err := read(path, m)
	if err == nil && len(weights) != len(params) { // there is no top
		err = weights.Check(m.Whole(), m.Input.Shape(), true)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return weights, nil
}

func read(path string, m nn.Model) (nn.Weights, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return keras.Load(f, info.Size(), m)
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
