// Package golden holds what the networks of Keras applications compute, and the
// formulas of the weights and pictures that they compute it with.
//
// The .npz files in testdata are written by tools/golden/keras_nets.py, which
// knows the same formulas: docs/decisions/0101.
package golden

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/argus-go/argus/internal/npz"
)

// A Golden is what Keras computes of N pictures of H×W pixels.
type Golden struct {
	Network   string // the name of our model
	N, H, W   int
	Taps      []string // names of Keras layers in Keras' order
	Stats     []Stat   // [tap][picture]
	Top       []float32
	Exponents []int // of the weights: see Weights
	Versions  string
}

// A Stat is what is kept of one layer's output for one picture: its mean, its
// standard deviation, and the values at (2j+1)·size/16 for j in 0–7.
type Stat [10]float32

// TopSize is how many probabilities Top has for each picture.
const TopSize = 32

var fileName = regexp.MustCompile(`^(.+)_(\d+)x(\d+)\.npz$`)

// Load reads a file whose name is that of the network and H×W.
func Load(path string) (g Golden, err error) {
	arrays, err := g.open(path)
	if err != nil {
		return g, err
	}
	if g.Stats, err = stats(arrays["stats"]); err != nil {
		return g, fmt.Errorf("golden: stats: %w", err)
	}
	if g.Top, err = arrays["top"].Float32(); err != nil {
		return g, fmt.Errorf("golden: top: %w", err)
	}
	g.N = len(g.Top) / TopSize
	g.Taps = strings.Split(string(arrays["taps"].Bytes), "\n")
	if g.N == 0 || len(g.Stats) != len(g.Taps)*g.N {
		return g, fmt.Errorf("golden: %d rows for %d taps of %d pictures", len(g.Stats), len(g.Taps), g.N)
	}
	return g, nil
}

// open reads what files of both kinds have.
func (g *Golden) open(path string) (map[string]npz.Array, error) {
	m := fileName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return nil, fmt.Errorf("golden: %s is not named network_HxW.npz", filepath.Base(path))
	}
	g.Network = m[1]
	g.H, _ = strconv.Atoi(m[2])
	g.W, _ = strconv.Atoi(m[3])
	arrays, err := npz.Open(path)
	if err != nil {
		return nil, fmt.Errorf("golden: %w", err)
	}
	for _, b := range arrays["exponents"].Bytes {
		g.Exponents = append(g.Exponents, int(int8(b)))
	}
	g.Versions = string(arrays["versions"].Bytes)
	return arrays, nil
}

// Stat is that of a tap for a picture.
func (g *Golden) Stat(tap, picture int) Stat { return g.Stats[tap*g.N+picture] }
