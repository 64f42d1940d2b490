package argus

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/nn"
)

// A Scaling is one of the ways in which pixels become the numbers that a Keras
// network was trained on. The files do not say which it was.
type Scaling uint8

// The scalings, by the names of Keras' preprocess_input modes where they are
// its.
const (
	// ScaleUnit is x/255, from 0 to 1: rescale=1./255, which the Python
	// image-classification tool had for every network.
	ScaleUnit Scaling = iota + 1
	// ScaleSymmetric is x/127.5 - 1, from -1 to 1: mode "tf", of Inception and
	// Xception.
	ScaleSymmetric
	// ScaleTorch is (x/255 - mean)/deviation of ImageNet's channels: mode
	// "torch", of the efficientnet package.
	ScaleTorch
	// ScaleCaffe is x less the mean of ImageNet's channels, blue first: mode
	// "caffe", of ResNet.
	ScaleCaffe
	// ScaleRaw is x itself, 0 to 255: for a network that rescales within, such as
	// Keras' own EfficientNet.
	ScaleRaw
)

var scalings = []struct {
	name      string
	mean, std [3]float32 // of red, green and blue
	bgr       bool
}{
	ScaleUnit:      {name: "ScaleUnit", std: [3]float32{255, 255, 255}},
	ScaleSymmetric: {name: "ScaleSymmetric", mean: [3]float32{127.5, 127.5, 127.5}, std: [3]float32{127.5, 127.5, 127.5}},
	ScaleTorch:     {name: "ScaleTorch", mean: [3]float32{0.485 * 255, 0.456 * 255, 0.406 * 255}, std: [3]float32{0.229 * 255, 0.224 * 255, 0.225 * 255}},
	ScaleCaffe:     {name: "ScaleCaffe", mean: [3]float32{123.68, 116.779, 103.939}, std: [3]float32{1, 1, 1}, bgr: true},
	ScaleRaw:       {name: "ScaleRaw", std: [3]float32{1, 1, 1}},
}

// String is the constant's name.
func (s Scaling) String() string {
	if s == 0 || int(s) >= len(scalings) {
		return fmt.Sprintf("Scaling(%d)", uint8(s))
	}
	return scalings[s].name
}

// Preprocess is the preprocessing that scales so and leaves the rest to the
// network. That of a value which is none of the constants has no scaling.
func (s Scaling) Preprocess() Preprocess {
	if s == 0 || int(s) >= len(scalings) {
		return Preprocess{}
	}
	return Preprocess{Mean: scalings[s].mean, Std: scalings[s].std, BGR: scalings[s].bgr}
}

// ImportKeras reads a classifier that Keras 1, 2 or 3 saved as a whole model,
// .h5 or .keras, trained for the given classes in the order of its outputs
// (Keras takes folders by name). It predicts as it did there, can be saved as a
// model file of argus, and fitted further.
//
// How pixels become numbers is in no such file, so there is no default: give the
// preprocessing that the network was trained with, ScaleUnit.Preprocess() for
// one. A zero Std is an error that lists the choices. Size is the model's own if
// 0.
//
// Models are functional or sequential, with models inside at will, and of these
// layers: convolutions (also depthwise and separable), dense, batch norm, pools,
// dropout, activations (relu, relu6, swish, sigmoid, tanh, softmax), add,
// concatenate, multiply by channel, zero padding, flatten, rescaling,
// normalization. So are those of Keras applications and of the efficientnet
// package with any dense head. What is not is an error that names all of it; so
// are weights that do not fit, an [nn.ErrWeights]. Nothing in a file is run, Lambda
// layers least of all, and no other file is opened.
func ImportKeras(path string, labels []string, preprocessing Preprocess) (*Classifier, error) {
	c, err := importKeras(path, labels, preprocessing)
	if err != nil {
		return nil, fmt.Errorf("argus: import %s: %w", path, withoutPath(err))
	}
	return c, nil
}

func importKeras(path string, labels []string, prep Preprocess) (*Classifier, error) {
	if prep.Std == [3]float32{} {
		return nil, errNoScaling()
	}
	if prep.Size < 0 {
		return nil, prep.check()
	}
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !keras.Is(f, size) {
		return nil, noFormat(size, []string{"a whole model of Keras (.h5, .keras)"})
	}
	model, weights, err := keras.ImportModel(f, size, prep.Size)
	if err != nil {
		return nil, err
	}
	if err := checkHead(model); err != nil {
		return nil, err
	}
	if prep, err = prep.completed(Preprocess{Size: model.Input.Size}); err != nil {
		return nil, err
	}
	model.Input = inputOf(prep)
	digest := sha256.New()
	if _, err := io.Copy(digest, io.NewSectionReader(f, 0, size)); err != nil {
		return nil, err
	}
	origin := nn.Origin{Source: "Keras model " + filepath.Base(path), Digest: "sha256:" + hex.EncodeToString(digest.Sum(nil))}
	return assemble(&snapshot{model: model, weights: weights, prep: prep, info: Info{Origin: origin}}, weights.Shapes(), freezerOf(weights), labels)
}

// inputOf is the network's input for a preprocessing: preprocessOf turned round.
func inputOf(p Preprocess) nn.Input {
	in := nn.Input{Size: p.Size, Mean: p.Mean, Std: p.Std, BGR: p.BGR}
	if p.BGR {
		in.Mean[0], in.Mean[2] = p.Mean[2], p.Mean[0]
		in.Std[0], in.Std[2] = p.Std[2], p.Std[0]
	}
	return in
}

// errNoScaling lists what one may choose.
func errNoScaling() error {
	var names []string
	for _, s := range scalings[1:] {
		names = append(names, fmt.Sprintf("%s (mean %v, std %v)", s.name, s.mean, s.std))
	}
	return fmt.Errorf("the preprocessing has no Std, and the file does not say how the network was fed; choose the Preprocess() of %s", strings.Join(names, ", "))
}

// checkHead wants the outputs to be probabilities of classes that exclude each
// other.
func checkHead(m nn.Model) error {
	if m.Top == nil {
		return fmt.Errorf("the model has no head: it ends in features; give its weights to a network with BackboneFrom")
	}
	if !endsInSoftmax(m.Top) {
		return fmt.Errorf("the head does not end in softmax, want a probability of each class")
	}
	return nil
}
