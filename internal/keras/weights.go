// Package keras reads what Keras 1, 2 and 3 write: weights in its HDF5 formats,
// and whole models in HDF5 and in .keras archives. It gives weights to the
// networks of nn, and translates models into them. Files are data: nothing in
// them is run, and none but the file itself is opened.
package keras

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"slices"
	"strings"

	"github.com/argus-go/argus/internal/hdf5"
	"github.com/argus-go/argus/internal/parallel"
)

// Layer is a layer of a weights file; one without weights has none.
type Layer struct {
	Name    string
	Weights []Weight

	model string // where the layer is in a model inside the file's: that one's name
	class string // in .weights.h5, which knows layers by class and number: "conv2d"
}

// Weight is one array of a layer.
type Weight struct {
	Name  string // the last part of Path without ":0": "kernel", "moving_mean"; a number in .weights.h5
	Path  string // as the file has it: "stem_conv/kernel:0"
	Shape []int  // Keras' order: [kh, kw, in, out] for a convolution
	Data  []float32

	array *hdf5.Object // where Data is yet to be read
}

// ReadFile reads the weights file or whole model at path: see [Read].
func ReadFile(path string) ([]Layer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return Read(f, info.Size())
}

// Read reads the weights of the size bytes of a Keras file: .h5, .weights.h5 or
// .keras. Layers of .h5 come in the order of the file, which is Keras' own; in
// the other two that order holds among the layers of a class.
func Read(r io.ReaderAt, size int64) ([]Layer, error) {
	f, err := open(r, size)
	if err == nil {
		err = f.fill(f.weights())
	}
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	for i := range f.layers {
		for j := range f.layers[i].Weights {
			f.layers[i].Weights[j].array = nil
		}
	}
	return f.layers, nil
}

// file is an open file, its arrays named and measured but not read, so that a
// bad file costs little.
type file struct {
	layers []Layer
	config []byte // JSON of the model; nil in a file of weights only
	size   int64
}

func open(r io.ReaderAt, size int64) (*file, error) {
	if isArchive(r, size) {
		return openArchive(r, size)
	}
	return openHDF5(r, size)
}

func openHDF5(r io.ReaderAt, size int64) (*file, error) {
	h, err := hdf5.New(r, size)
	if err != nil {
		return nil, err
	}
	root, err := h.Root()
	if err != nil {
		return nil, err
	}
	f := &file{size: size}
	if f.config, err = modelConfig(root); err != nil {
		return nil, err
	}
	if slices.Contains(root.Names(), varsRoot) {
		f.layers, err = listVars(root)
	} else {
		f.layers, err = list(root)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range f.weights() {
		if w.Shape, err = w.array.Shape(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// modelConfig is the JSON of a whole model in HDF5.
func modelConfig(root *hdf5.Object) ([]byte, error) {
	a, err := root.Attribute("model_config")
	if errors.Is(err, hdf5.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := a.Strings()
	if err != nil || len(text) != 1 {
		return nil, errors.Join(err, fmt.Errorf("model_config has %d strings, want 1", len(text)))
	}
	if n := len(text[0]); n > maxConfig {
		return nil, fmt.Errorf("model_config has %d bytes, the limit is %d", n, maxConfig)
	}
	return []byte(text[0]), nil
}

// weights are those of all layers.
func (f *file) weights() (all []*Weight) {
	for _, l := range f.layers {
		for i := range l.Weights {
			all = append(all, &l.Weights[i])
		}
	}
	return all
}

// fill reads the data of weights, several at once.
func (f *file) fill(weights []*Weight) error {
	if err := checkSize(weights, maxBytes(f.size)); err != nil {
		return err
	}
	crew := parallel.Begin(0)
	defer crew.End()
	errs := make([]error, len(weights))
	crew.Do(len(weights), func(i int) {
		w := weights[i]
		w.Data, w.Shape, errs[i] = w.array.Float32()
	})
	return errors.Join(errs...)
}

// list returns the layers of a legacy file.
func list(root *hdf5.Object) ([]Layer, error) {
	group, err := weightsGroup(root)
	if err != nil {
		return nil, err
	}
	names, err := stringList(group, "layer_names")
	if err != nil {
		return nil, err
	}
	var layers []Layer
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			return nil, fmt.Errorf("layer_names has %q twice", name)
		}
		seen[name] = true
		g, err := group.Open(name)
		if err != nil {
			return nil, fmt.Errorf("layer %q: %w", name, err)
		}
		weights, err := listLayer(g)
		if err != nil {
			return nil, fmt.Errorf("layer %q: %w", name, err)
		}
		layers = append(layers, apart(name, weights)...)
	}
	return layers, nil
}

// listLayer names the weights of a layer's group.
func listLayer(g *hdf5.Object) (weights []Weight, err error) {
	paths, err := stringList(g, "weight_names")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, path := range paths {
		if seen[path] {
			return nil, fmt.Errorf("weight_names has %q twice", path)
		}
		seen[path] = true
		array, err := g.Open(path)
		if err != nil {
			return nil, fmt.Errorf("weight %q: %w", path, err)
		}
		_, name := splitPath(path)
		weights = append(weights, Weight{Name: name, Path: path, array: array})
	}
	return weights, nil
}

// apart takes a model inside the model apart: its weights stand together, those
// that are trained before those that are not, under paths that name their layer.
func apart(name string, weights []Weight) []Layer {
	if !isSeveral(weights) {
		return []Layer{{Name: name, Weights: weights}}
	}
	at := map[string]int{}
	var layers []Layer
	for _, w := range weights {
		inner, _ := splitPath(w.Path)
		i, ok := at[inner]
		if !ok {
			i, at[inner] = len(layers), len(layers)
			layers = append(layers, Layer{Name: inner, model: name})
		}
		layers[i].Weights = append(layers[i].Weights, w)
	}
	return layers
}

// isSeveral says whether weights are more than one layer can have: two of a
// name, or both a kernel's and a norm's.
func isSeveral(weights []Weight) bool {
	seen := map[string]bool{}
	for _, w := range weights {
		if seen[w.Name] {
			return true
		}
		seen[w.Name] = true
	}
	return seen["moving_variance"] && (seen["kernel"] || seen["depthwise_kernel"])
}

// weightsGroup is the root of a weights file, or its place in a whole model.
func weightsGroup(root *hdf5.Object) (*hdf5.Object, error) {
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

// oldNames are Keras 1's names of weights, which follow the layer's name and an
// underscore; what it calls a deviation is a variance.
var oldNames = []struct{ old, now string }{
	{"_W", "kernel"}, {"_b", "bias"}, {"_depthwise_kernel", "depthwise_kernel"}, {"_pointwise_kernel", "pointwise_kernel"},
	{"_gamma", "gamma"}, {"_beta", "beta"}, {"_running_mean", "moving_mean"}, {"_running_std", "moving_variance"},
}

// splitPath takes a weight's path apart, "conv2d/kernel:0" or Keras 1's
// "convolution2d_1_W:0": the layer that it names, and the weight's name in Keras
// 2 without TensorFlow's output number.
func splitPath(path string) (layer, name string) {
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/')+1 {
		path = path[:i]
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		layer, name = path[:i], path[i+1:]
		return layer[strings.LastIndexByte(layer, '/')+1:], name
	}
	for _, o := range oldNames {
		if layer, ok := strings.CutSuffix(path, o.old); ok {
			return layer, o.now
		}
	}
	return "", path
}

// maxBytes bounds what the weights of a file may take in memory: trained
// weights hardly compress, so many times the file's size is an attack.
func maxBytes(fileSize int64) int64 { return max(64<<20, 16*fileSize) }

// checkSize wants the arrays to take at most limit bytes as float32.
func checkSize(weights []*Weight, limit int64) error {
	left := uint64(limit)
	for _, w := range weights {
		size := uint64(4)
		for _, n := range w.Shape {
			hi, lo := bits.Mul64(size, uint64(n))
			if hi != 0 {
				lo = math.MaxUint64
			}
			size = lo
		}
		if size > left {
			return fmt.Errorf("%s: shape %v brings the weights to more than %d bytes, the limit for a file of this size", w.array.Path(), w.Shape, limit)
		}
		left -= size
	}
	return nil
}
