package keras

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/argus-go/argus/internal/hdf5"
)

// varsRoot is the group of a .weights.h5 file that holds the layers, and of a
// model inside it likewise.
const varsRoot = "layers"

const (
	maxModels = 16      // in each other
	maxLayers = 1 << 16 // of a file
)

// listVars returns the layers of a .weights.h5 file: layers/conv2d_3/vars/0 is
// the first weight of the fourth Conv2D. Those of a model inside the model,
// layers/functional/layers/…, come before the others, as a network's body comes
// before its head. Weights of optimizers and metrics are passed over.
func listVars(root *hdf5.Object) ([]Layer, error) {
	l := varsLister{}
	err := l.model(root, "", 0)
	return l.layers, err
}

type varsLister struct{ layers []Layer }

func (l *varsLister) model(o *hdf5.Object, path string, depth int) error {
	if depth > maxModels {
		return fmt.Errorf("%s: models in each other, %d deep, the limit is %d", path, depth, maxModels)
	}
	group, err := o.Open(varsRoot)
	if err != nil {
		return err
	}
	names := group.Names()
	slices.SortFunc(names, byNumber)
	if len(names)+len(l.layers) > maxLayers {
		return fmt.Errorf("%s: more than %d layers", path, maxLayers)
	}
	var layers []Layer
	for _, name := range names {
		g, err := group.Open(name)
		if err != nil {
			return err
		}
		if slices.Contains(g.Names(), varsRoot) {
			if err := l.model(g, path+name+"/", depth+1); err != nil {
				return err
			}
			continue
		}
		layer, err := varsLayer(g, path+name)
		if err != nil {
			return err
		}
		layers = append(layers, layer)
	}
	l.layers = append(l.layers, layers...)
	return nil
}

func varsLayer(g *hdf5.Object, path string) (Layer, error) {
	class, _ := numbered(path[strings.LastIndexByte(path, '/')+1:])
	layer := Layer{Name: path, class: class}
	if !slices.Contains(g.Names(), "vars") {
		return layer, nil
	}
	vars, err := g.Open("vars")
	if err != nil {
		return layer, err
	}
	names := vars.Names()
	for i := range names {
		name := strconv.Itoa(i)
		array, err := vars.Open(name)
		if err != nil {
			return layer, err
		}
		layer.Weights = append(layer.Weights, Weight{Name: name, Path: path + "/vars/" + name, array: array})
	}
	return layer, nil
}

var numberAtEnd = regexp.MustCompile(`^(.+)_(\d{1,9})$`)

// numbered takes "conv2d_3" apart; "conv2d" has the number 0.
func numbered(name string) (class string, number int) {
	m := numberAtEnd.FindStringSubmatch(name)
	if m == nil {
		return name, 0
	}
	number, _ = strconv.Atoi(m[2]) // digits
	return m[1], number
}

// byNumber orders "conv2d_2" before "conv2d_10".
func byNumber(a, b string) int {
	ca, na := numbered(a)
	cb, nb := numbered(b)
	return cmp.Or(cmp.Compare(ca, cb), cmp.Compare(na, nb), cmp.Compare(a, b))
}

var (
	wordStart = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	wordEnd   = regexp.MustCompile(`([a-z])([A-Z])`)
)

// snake is how Keras 3 writes a class in the names of groups: depthwise_conv2d.
func snake(class string) string {
	class = wordStart.ReplaceAllString(class, "${1}_$2")
	return strings.ToLower(wordEnd.ReplaceAllString(class, "${1}_$2"))
}
