// Package keras reads the weights that Keras writes in its HDF5 formats, and
// translates Keras' names.
package keras

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"

	"github.com/argus-go/argus/internal/hdf5"
)

// Layer is a layer of a weights file; one without weights has none.
type Layer struct {
	Name    string
	Weights []Weight
}

// Weight is one array of a layer.
type Weight struct {
	Name  string // the last part of Path without ":0": "kernel", "moving_mean"
	Path  string // as the file has it: "stem_conv/kernel:0"
	Shape []int  // Keras' order: [kh, kw, in, out] for a convolution
	Data  []float32
}

// ReadFile reads the weights file or whole model at path: see [Read].
func ReadFile(path string) ([]Layer, error) {
	f, err := hdf5.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	defer f.Close()
	return read(f)
}

// Read reads the size bytes of a legacy weights file (.h5), or of a whole model
// of that form, and returns its layers in the order of the file, which is
// Keras' own.
func Read(r io.ReaderAt, size int64) ([]Layer, error) {
	f, err := hdf5.New(r, size)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return read(f)
}

// read names all arrays before it reads the first, so that a bad file costs
// little.
func read(f *hdf5.File) ([]Layer, error) {
	layers, arrays, err := list(f)
	if err == nil {
		err = checkSize(arrays, maxBytes(f.Size()))
	}
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	for _, layer := range layers {
		for i := range layer.Weights {
			w := &layer.Weights[i]
			if w.Data, w.Shape, err = arrays[0].Float32(); err != nil {
				return nil, fmt.Errorf("keras: %w", err)
			}
			arrays = arrays[1:]
		}
	}
	return layers, nil
}

// list returns the layers with their weights named, and the weights' datasets
// in the same order.
func list(f *hdf5.File) ([]Layer, []*hdf5.Object, error) {
	group, err := weightsGroup(f)
	if err != nil {
		return nil, nil, err
	}
	names, err := stringList(group, "layer_names")
	if err != nil {
		return nil, nil, err
	}
	layers := make([]Layer, len(names))
	var arrays []*hdf5.Object
	seen := map[string]bool{}
	for i, name := range names {
		if seen[name] {
			return nil, nil, fmt.Errorf("layer_names has %q twice", name)
		}
		seen[name] = true
		g, err := group.Open(name)
		if err != nil {
			return nil, nil, fmt.Errorf("layer %q: %w", name, err)
		}
		layers[i].Name = name
		paths, err := stringList(g, "weight_names")
		if err != nil {
			return nil, nil, fmt.Errorf("layer %q: %w", name, err)
		}
		for _, path := range paths {
			array, err := g.Open(path)
			if err != nil {
				return nil, nil, fmt.Errorf("layer %q: weight %q: %w", name, path, err)
			}
			layers[i].Weights = append(layers[i].Weights, Weight{Name: weightName(path), Path: path})
			arrays = append(arrays, array)
		}
	}
	return layers, arrays, nil
}

// weightsGroup is the root of a weights file, or its place in a whole model.
func weightsGroup(f *hdf5.File) (*hdf5.Object, error) {
	root, err := f.Root()
	if err != nil {
		return nil, err
	}
	group, err := root.Open("model_weights")
	if errors.Is(err, hdf5.ErrNotFound) {
		return root, nil
	}
	return group, err
}

// stringList reads an attribute of names; one that would not fit an object
// header is split into key0, key1 and so on.
func stringList(o *hdf5.Object, key string) ([]string, error) {
	a, err := o.Attribute(key)
	if err == nil {
		return a.Strings()
	}
	missing := err
	if !errors.Is(missing, hdf5.ErrNotFound) {
		return nil, missing
	}
	var all []string
	for i := 0; ; i++ {
		a, err := o.Attribute(fmt.Sprintf("%s%d", key, i))
		if errors.Is(err, hdf5.ErrNotFound) && i > 0 {
			return all, nil
		}
		if errors.Is(err, hdf5.ErrNotFound) {
			return nil, missing
		}
		if err != nil {
			return nil, err
		}
		part, err := a.Strings()
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
}

// weightName is the last part of a weight's path without TensorFlow's output
// number.
func weightName(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if i := strings.LastIndexByte(name, ':'); i > 0 {
		name = name[:i]
	}
	return name
}

// maxBytes bounds what the weights of a file may take in memory: trained
// weights hardly compress, so many times the file's size is an attack.
func maxBytes(fileSize int64) int64 { return max(64<<20, 16*fileSize) }

// checkSize wants the arrays to take at most limit bytes as float32.
func checkSize(arrays []*hdf5.Object, limit int64) error {
	left := uint64(limit)
	for _, a := range arrays {
		shape, err := a.Shape()
		if err != nil {
			return err
		}
		size := uint64(4)
		for _, n := range shape {
			hi, lo := bits.Mul64(size, uint64(n))
			if hi != 0 {
				lo = math.MaxUint64
			}
			size = lo
		}
		if size > left {
			return fmt.Errorf("%s: shape %v brings the weights to more than %d bytes, the limit for a file of this size", a.Path(), shape, limit)
		}
		left -= size
	}
	return nil
}
