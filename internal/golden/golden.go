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
	m := fileName.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return g, fmt.Errorf("golden: %s is not named network_HxW.npz", filepath.Base(path))
	}
	g.Network = m[1]
	g.H, _ = strconv.Atoi(m[2])
	g.W, _ = strconv.Atoi(m[3])
	arrays, err := npz.Open(path)
	if err != nil {
		return g, fmt.Errorf("golden: %w", err)
	}
	stats, err := arrays["stats"].Float32()
	if err != nil {
		return g, fmt.Errorf("golden: stats: %w", err)
	}
	if g.Top, err = arrays["top"].Float32(); err != nil {
		return g, fmt.Errorf("golden: top: %w", err)
	}
	g.N = len(g.Top) / TopSize
	g.Taps = strings.Split(string(arrays["taps"].Bytes), "\n")
	g.Versions = string(arrays["versions"].Bytes)
	if len(stats) != len(g.Taps)*g.N*len(Stat{}) || g.N == 0 {
		return g, fmt.Errorf("golden: %d values for %d taps of %d pictures", len(stats), len(g.Taps), g.N)
	}
	for len(stats) > 0 {
		g.Stats = append(g.Stats, Stat(stats[:len(Stat{})]))
		stats = stats[len(Stat{}):]
	}
	for _, b := range arrays["exponents"].Bytes {
		g.Exponents = append(g.Exponents, int(int8(b)))
	}
	return g, nil
}

// Stat is that of a tap for a picture.
func (g *Golden) Stat(tap, picture int) Stat { return g.Stats[tap*g.N+picture] }
