package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/golden"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
)

const (
	classes  = 1000
	pictures = 16 // the largest batch
	goldens  = "internal/golden/testdata"
)

// A network is measured at its default size.
type network struct {
	model   func() (nn.Model, error)
	weights func(nn.Model) (nn.Weights, error)
}

var networks = []network{
	{plain(inception.V3), formula},
	{named("b0"), formula},
	{named("b3"), formula},
	{plain(resnet.ResNet50), formula},
	{plain(efficientnet.Lite0), func(nn.Model) (nn.Weights, error) { return lite0.Backbone().Weights(context.Background(), nil) }},
}

func plain(f func(int) nn.Model) func() (nn.Model, error) {
	return func() (nn.Model, error) { return f(classes), nil }
}

func named(name string) func() (nn.Model, error) {
	return func() (nn.Model, error) { return efficientnet.New(name, classes) }
}

// formula is the weights of the golden files, with which activations keep to
// the size of one. Fresh weights would let them fade to nothing.
func formula(m nn.Model) (nn.Weights, error) {
	size := m.Input.Size
	g, err := golden.Load(filepath.Join(goldens, fmt.Sprintf("%s_%dx%d.npz", m.Name, size, size)))
	if err != nil {
		return nil, err
	}
	return golden.Weights(m.Whole(), m.Input.Shape(), g.Exponents)
}

// export writes of each network
//
//	NAME.json              the model; NAME.train.json without the softmax,
//	                       NAME.check.json also without dropout
//	NAME.safetensors       its weights, "x": pictures as it wants them,
//	                       "y": our probabilities
//	NAME.argus             a model file
//
// and picture.jpg.
func export(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, n := range networks {
		m, err := n.model()
		if err != nil {
			return err
		}
		w, err := n.weights(m)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(folder, m.Name), m, w); err != nil {
			return err
		}
	}
	photo, err := jpegPicture(533, 400)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "picture.jpg"), photo, 0o644)
}

func write(path string, m nn.Model, w nn.Weights) error {
	logits := m
	logits.Top = rewrite(m.Top, func(l nn.Layer) nn.Layer {
		if d, ok := l.(nn.Dense); ok {
			d.Act = nn.Linear
			return d
		}
		return l
	})
	check := logits
	check.Body, check.Top = rewrite(logits.Body, calm), rewrite(logits.Top, calm)
	for suffix, m := range map[string]nn.Model{"": m, ".train": logits, ".check": check} {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path+suffix+".json", b, 0o644); err != nil {
			return err
		}
	}
	x := golden.Pictures(m.Input, pictures, m.Input.Size, m.Input.Size)
	plan, err := nn.Freeze(m.Whole(), m.Input.Shape(), w)
	if err != nil {
		return err
	}
	y := make([]float32, pictures*classes)
	if err := plan.Run(context.Background(), 0, pictures, x, y); err != nil {
		return err
	}
	tensors := []safetensors.Tensor{
		{Name: "x", Shape: []int{pictures, m.Input.Size, m.Input.Size, 3}, Data: x},
		{Name: "y", Shape: []int{pictures, classes}, Data: y},
	}
	for name, t := range w {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: t.Shape, Data: t.Data})
	}
	f, err := os.Create(path + ".safetensors")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := safetensors.Write(f, tensors, nil); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return save(path+".argus", m, w)
}

// save writes a model file with classes 0, 1, …
func save(path string, m nn.Model, w nn.Weights) error {
	labels := make([]string, classes)
	for i := range labels {
		labels[i] = fmt.Sprint(i)
	}
	clf, err := argus.Pretrained(nn.Backbone{Model: m, Weights: nn.Fixed(w), Classes: labels})
	if err != nil {
		return err
	}
	return clf.Save(path)
}

// calm takes dropout out: what is left computes the same everywhere.
func calm(l nn.Layer) nn.Layer {
	if _, ok := l.(nn.Dropout); ok {
		return nn.Seq{}
	}
	return l
}

// rewrite puts f of every layer in its place, inner ones first.
func rewrite(l nn.Layer, f func(nn.Layer) nn.Layer) nn.Layer {
	all := func(ls []nn.Layer) []nn.Layer {
		out := make([]nn.Layer, len(ls))
		for i, l := range ls {
			out[i] = rewrite(l, f)
		}
		return out
	}
	switch t := l.(type) {
	case nn.Seq:
		l = nn.Seq(all(t))
	case nn.Concat:
		l = nn.Concat(all(t))
	case nn.Add:
		t.Branches = all(t.Branches)
		l = t
	case nn.Gate:
		l = nn.Gate{Body: rewrite(t.Body, f)}
	case nn.Block:
		l = nn.Block{Name: t.Name, Body: rewrite(t.Body, f)}
	}
	return f(l)
}

// jpegPicture is a picture of waves of colour.
func jpegPicture(w, h int) ([]byte, error) {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, color.RGBA{uint8(x * x / 97), uint8(y * y / 61), uint8(x * y / 83), 255})
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, img, nil)
	return b.Bytes(), err
}
