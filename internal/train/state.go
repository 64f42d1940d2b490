package train

import (
	"maps"
	"slices"

	"github.com/argus-go/argus/nn"
)

// A State is where a run stands between two updates. Its numbers are JSON; the
// tensors are to be saved apart, see [State.Tensors].
type State struct {
	Epoch   int     // finished
	Step    int     // done of the epoch after
	Sum     float64 // of the loss of these steps' rows
	Updates int
	Batch   int     // rows a step, at most
	Since   int     // epochs since the best
	Waited  int     // epochs since the best or the last fall of the rate
	Scale   float64 // of the rate, by Plateau
	Rate    float32 // of the last update
	Done    bool    // there are no more epochs
	Best    *Best   `json:",omitempty"`

	Weights nn.Weights    `json:"-"`
	Average nn.Weights    `json:"-"` // moving average of Weights; nil without
	Moments [2]nn.Weights `json:"-"` // of the optimizer
}

// resume puts the state of a run before, or the first, in the job's place.
func (g *stepper) resume(from *State) *State {
	s := &State{Scale: 1}
	if from != nil {
		*s = *from
	}
	g.state = s
	if s.Weights != nil {
		copyInto(g.Weights, s.Weights)
	}
	s.Weights = g.Weights
	if g.EMA > 0 {
		average := g.Weights.Clone()
		copyInto(average, s.Average)
		s.Average = average
	}
	for m := range s.Moments {
		fresh := nn.Weights{}
		for i := range g.params {
			p := &g.params[i]
			w := g.Weights[p.name]
			fresh[p.name] = nn.Tensor{Shape: w.Shape, Data: make([]float32, len(w.Data))}
			p.moments[m] = fresh[p.name].Data
		}
		copyInto(fresh, s.Moments[m])
		s.Moments[m] = fresh
	}
	return s
}

// copyInto copies the values of the tensors that both have.
func copyInto(dst, src nn.Weights) {
	for name, t := range src {
		if d, ok := dst[name]; ok {
			copy(d.Data, t.Data)
		}
	}
}

// The prefixes of tensors in Tensors.
const (
	weightsPrefix = "weights/"
	averagePrefix = "average/"
	firstPrefix   = "moment1/"
	secondPrefix  = "moment2/"
	bestPrefix    = "best/"
)

// Tensors is all tensors of the state under one name each.
func (s *State) Tensors() nn.Weights {
	out := nn.Weights{}
	for prefix, w := range s.parts() {
		for name, t := range *w {
			out[prefix+name] = t
		}
	}
	return out
}

// SetTensors is the inverse of Tensors, for a state whose numbers are there.
func (s *State) SetTensors(all nn.Weights) {
	names := slices.Sorted(maps.Keys(all))
	for prefix, w := range s.parts() {
		*w = nil
		for _, name := range names {
			if len(name) > len(prefix) && name[:len(prefix)] == prefix {
				if *w == nil {
					*w = nn.Weights{}
				}
				(*w)[name[len(prefix):]] = all[name]
			}
		}
	}
}

func (s *State) parts() map[string]*nn.Weights {
	parts := map[string]*nn.Weights{
		weightsPrefix: &s.Weights, averagePrefix: &s.Average,
		firstPrefix: &s.Moments[0], secondPrefix: &s.Moments[1],
	}
	if s.Best != nil {
		parts[bestPrefix] = &s.Best.Weights
	}
	return parts
}
