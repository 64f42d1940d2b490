package golden

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/nn"
)

// tapper puts every norm, activation, pool, sum, product and concat into a block
// of its own, tap0, tap1 and so on in the order of computation. A norm with its
// activation is one tap, a sum with its activation two.
type tapper int

func (t *tapper) tap(l nn.Layer) nn.Layer {
	*t++
	return nn.Block{Name: fmt.Sprintf("tap%d", *t-1), Body: l}
}

func (t *tapper) layers(ls []nn.Layer) []nn.Layer {
	out := make([]nn.Layer, len(ls))
	for i, l := range ls {
		out[i] = t.layer(l)
	}
	return out
}

func (t *tapper) layer(l nn.Layer) nn.Layer {
	switch l := l.(type) {
	case nn.Seq:
		return nn.Seq(t.layers(l))
	case nn.Block:
		return nn.Block{Name: l.Name, Body: t.layer(l.Body)}
	case nn.Concat:
		return t.tap(nn.Concat(t.layers(l)))
	case nn.Gate:
		return t.tap(nn.Gate{Body: t.layer(l.Body)})
	case nn.Add:
		sum := t.tap(nn.Add{Branches: t.layers(l.Branches), Scale: l.Scale})
		if l.Act == nn.Linear {
			return sum
		}
		return nn.Seq{sum, t.tap(nn.Act{Kind: l.Act})}
	case nn.Conv:
		if l.Norm == (nn.BatchNorm{}) {
			return l
		}
		return t.tap(l)
	case nn.Act, nn.Pool, nn.GlobalPool:
		return t.tap(l)
	}
	return l
}

// tapped is l with its taps in blocks, and weights w under the names that they
// have there. The blocks' names come in the order of the golden's taps.
func tapped(t *testing.T, l nn.Layer, in nn.Shape, w nn.Weights) (nn.Layer, nn.Weights, []string) {
	var tap tapper
	wrapped := tap.layer(l)
	from, err := nn.Params(l, in)
	require.NoError(t, err)
	to, err := nn.Params(wrapped, in)
	require.NoError(t, err)
	require.Len(t, to, len(from))
	renamed := nn.Weights{}
	for i, p := range to {
		renamed[p.Name] = w[from[i].Name]
	}
	blocks, err := nn.Blocks(wrapped, in)
	require.NoError(t, err)
	full := map[string]string{}
	for _, name := range blocks {
		full[path.Base(name)] = name
	}
	var names []string
	for _, i := range taps(t, l, in) {
		names = append(names, full[fmt.Sprintf("tap%d", i)])
	}
	require.Len(t, names, int(tap))
	return wrapped, renamed, names
}

// taps lists the taps of l in Keras' order, each by its place in the order of
// computation.
func taps(t *testing.T, l nn.Layer, in nn.Shape) []int {
	ops, err := keras.Order(l, in)
	require.NoError(t, err)
	computed := make([]keras.Op, len(ops))
	for _, o := range ops {
		computed[o.Index] = o
	}
	place, n := make([]int, len(ops)), 0
	for i, o := range computed {
		place[i] = -1
		if isTap(o) && !(o.Class == "BatchNormalization" && i+1 < len(ops) && computed[i+1].Class == "Activation") {
			place[i] = n
			n++
		}
	}
	var out []int
	for _, o := range ops {
		if place[o.Index] >= 0 {
			out = append(out, place[o.Index])
		}
	}
	return out
}

func isTap(o keras.Op) bool {
	switch o.Class {
	case "Dense", "Dropout", "Rescaling":
		return false
	}
	return !strings.HasSuffix(o.Class, "Conv2D")
}
