package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Tensor is a block of numbers, the last axis contiguous.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Weights holds the parameters of a network by path ("stem/conv/kernel"). Who
// passes weights on must not change them afterwards.
type Weights map[string]Tensor

// ErrWeights is the cause of every mismatch between weights and a network.
var ErrWeights = errors.New("weights do not fit the network")

// Check holds w against the parameters of l for an input of shape in. It lists
// all mismatches at once: missing, wrong shape, NaN or infinite values, and,
// where exact is set, tensors that the network has no use for.
func (w Weights) Check(l Layer, in Shape, exact bool) error {
	return check(l, in, exact, w.Shapes(), func(p Param) string {
		t := w[p.Name]
		if len(t.Data) != p.Size() {
			return fmt.Sprintf("shape %v needs %d values, there are %d", t.Shape, p.Size(), len(t.Data))
		}
		return fault(p, t.Data)
	})
}

// Shapes are the shapes of all tensors, by name.
func (w Weights) Shapes() map[string][]int {
	shapes := make(map[string][]int, len(w))
	for name, t := range w {
		shapes[name] = t.Shape
	}
	return shapes
}

// read copies one tensor to dst, which is as long as p.
func (w Weights) read(p Param, dst []float32) error {
	t := w[p.Name]
	if len(t.Data) != len(dst) {
		return fmt.Errorf("nn: %w:\n\t%s: shape %v needs %d values, there are %d", ErrWeights, p.Name, p.Shape, len(dst), len(t.Data))
	}
	copy(dst, t.Data)
	return nil
}

// CheckShapes is [Weights.Check] for weights of which only the shapes are known.
func CheckShapes(l Layer, in Shape, exact bool, shapes map[string][]int) error {
	return check(l, in, exact, shapes, func(Param) string { return "" })
}

// check compares shapes, and where they fit what values says.
func check(l Layer, in Shape, exact bool, shapes map[string][]int, values func(Param) string) error {
	ps, err := Params(l, in)
	if err != nil {
		return err
	}
	var bad []string
	want := map[string]bool{}
	for _, p := range ps {
		want[p.Name] = true
		shape, ok := shapes[p.Name]
		var what string
		switch {
		case !ok:
			what = fmt.Sprintf("missing, the network wants %v", p.Shape)
		case !slices.Equal(shape, p.Shape):
			what = fmt.Sprintf("the network wants %v, the weights have %v", p.Shape, shape)
		default:
			what = values(p)
		}
		if what != "" {
			bad = append(bad, p.Name+": "+what)
		}
	}
	if exact {
		for name := range shapes {
			if !want[name] {
				bad = append(bad, name+": the network has no such tensor")
			}
		}
	}
	return mismatch(bad)
}

// mismatch is an ErrWeights that lists what is bad, nil if nothing is.
func mismatch(bad []string) error {
	if bad == nil {
		return nil
	}
	slices.Sort(bad)
	const shown = 20
	if n := len(bad); n > shown {
		bad = append(bad[:shown], fmt.Sprintf("and %d more", n-shown))
	}
	return fmt.Errorf("nn: %w:\n\t%s", ErrWeights, strings.Join(bad, "\n\t"))
}

// fault says what is wrong with values; "" if nothing is.
func fault(p Param, values []float32) string {
	for i, v := range values {
		if v-v != 0 {
			return fmt.Sprintf("value %d is %v", i, v)
		}
	}
	if strings.HasSuffix(p.Name, "/moving_variance") {
		for i, v := range values {
			if v < 0 {
				return fmt.Sprintf("variance %d is %v", i, v)
			}
		}
	}
	return ""
}

// Init makes fresh weights for l: Glorot uniform kernels (Glorot & Bengio,
// AISTATS 2010), ones for gamma and variance, zeros elsewhere. Each tensor
// depends on the seed and its own name only.
func Init(l Layer, in Shape, seed uint64) (Weights, error) {
	ps, err := Params(l, in)
	if err != nil {
		return nil, err
	}
	w := Weights{}
	for _, p := range ps {
		data := make([]float32, p.Size())
		switch p.Name[strings.LastIndexByte(p.Name, '/')+1:] {
		case "kernel":
			glorot(data, p, rand.New(rand.NewPCG(seed, hashName(p.Name))))
		case "gamma", "moving_variance":
			for i := range data {
				data[i] = 1
			}
		}
		w[p.Name] = Tensor{slices.Clone(p.Shape), data}
	}
	return w, nil
}

func glorot(data []float32, p Param, r *rand.Rand) {
	n := len(p.Shape)
	window := 1
	for _, d := range p.Shape[:n-2] {
		window *= d
	}
	limit := math.Sqrt(6 / float64(window*(p.Shape[n-2]+p.Shape[n-1])))
	for i := range data {
		data[i] = float32((2*r.Float64() - 1) * limit)
	}
}

// hashName is FNV-1a.
func hashName(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Merge puts several sets of weights into one, where the last tensor of a name
// wins; the tensors are shared.
func Merge(sets ...Weights) Weights {
	out := Weights{}
	for _, s := range sets {
		for name, t := range s {
			out[name] = t
		}
	}
	return out
}

// Clone is a deep copy.
func (w Weights) Clone() Weights {
	out := Weights{}
	for name, t := range w {
		out[name] = Tensor{slices.Clone(t.Shape), slices.Clone(t.Data)}
	}
	return out
}

// Of picks the weights that l needs; those that w lacks are left out.
func (w Weights) Of(l Layer, in Shape) (Weights, error) {
	ps, err := Params(l, in)
	if err != nil {
		return nil, err
	}
	out := Weights{}
	for _, p := range ps {
		if t, ok := w[p.Name]; ok {
			out[p.Name] = t
		}
	}
	return out, nil
}
