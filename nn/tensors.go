package nn

import "fmt"

// tensors are the weights of a network that is being planned, read one by one.
// What goes wrong is kept for the end.
type tensors struct {
	params map[string]Param
	read   func(Param, []float32) error
	room   []float32
	failed error
	bad    []string
}

func newTensors(params []Param, read func(Param, []float32) error) *tensors {
	t := &tensors{params: make(map[string]Param, len(params)), read: read}
	for _, p := range params {
		t.params[p.Name] = p
	}
	return t
}

// data is a tensor in memory of its own.
func (t *tensors) data(name string) []float32 {
	return t.fill(name, make([]float32, t.size(name)))
}

// passing is a tensor that is gone when the next one passes.
func (t *tensors) passing(name string) []float32 {
	n := t.size(name)
	if cap(t.room) < n {
		t.room = make([]float32, n)
	}
	return t.fill(name, t.room[:n])
}

func (t *tensors) size(name string) int {
	p, ok := t.params[name]
	if !ok {
		panic("nn: tensor " + name + " is not among the network's parameters")
	}
	return p.Size()
}

func (t *tensors) fill(name string, dst []float32) []float32 {
	if t.failed != nil {
		return dst
	}
	p := t.params[name]
	if t.failed = t.read(p, dst); t.failed == nil {
		if what := fault(p, dst); what != "" {
			t.bad = append(t.bad, fmt.Sprintf("%s: %s", name, what))
		}
	}
	return dst
}

func (t *tensors) err() error {
	if t.failed != nil {
		return t.failed
	}
	return mismatch(t.bad)
}
