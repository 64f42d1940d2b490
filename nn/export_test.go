package nn

import "gorgonia.org/gorgonia"

// Poison makes m fill memory with NaN as soon as it is free.
func (m *Machine) Poison() { m.env.poison = true }

// OnTape says whether m runs on Gorgonia's tape.
func (m *Machine) OnTape() bool { return m.tape != nil }

// OutputBytes is the size of the outputs of all ops of m together.
func (m *Machine) OutputBytes() (n int) {
	for _, o := range m.ops {
		n += 4 * o.size()
	}
	return n
}

// PredictedHash is what we take n's hash for, ok where it is a node of ours.
func PredictedHash(n *gorgonia.Node) (hash uint32, ok bool) {
	o := of(n)
	if o == nil {
		return 0, false
	}
	return hashOf(o, children(n.Graph(), n)), true
}
