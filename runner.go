package argus

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/nn"
)

// A runner runs a network that no longer changes, for any number of callers at
// once. A compiled graph has one batch size, so batches are cut into pieces; the
// graphs of each size are kept for the next call.
type runner struct {
	body, top *nn.Plan      // top is nil without a head
	slots     chan struct{} // as many graphs run at once as there are cores
	idle      [ways][len(pieces)]freeList
}

// A way through the network.
type way int

const (
	bodyWay  way = iota // picture → features
	wholeWay            // picture → probabilities
	topWay              // features → probabilities
	ways
)

// pieces are the batch sizes that graphs are compiled for.
var pieces = [...]int{16, 8, 4, 2, 1}

// A freezer plans layers with weights that it knows of.
type freezer func(nn.Layer, nn.Shape) (*nn.Plan, error)

func freezerOf(w nn.Weights) freezer {
	return func(l nn.Layer, in nn.Shape) (*nn.Plan, error) { return nn.Freeze(l, in, w) }
}

// newRunner readies a network for pictures of size × size pixels. Body, where
// not nil, is the plan of the model's body, already made.
func newRunner(model nn.Model, freeze freezer, size int, body *nn.Plan) (_ *runner, err error) {
	if least := max(1, model.Input.MinSize); size < least {
		return nil, fmt.Errorf("pictures of %d pixels, the network wants at least %d", size, least)
	}
	in := nn.Shape{H: size, W: size, C: 3}
	if body == nil {
		if body, err = freeze(model.Body, in); err != nil {
			return nil, err
		}
	}
	if body.In != in || body.Out.H != 1 || body.Out.W != 1 {
		return nil, fmt.Errorf("the body makes %v of %v, want 1×1×features of %v", body.Out, body.In, in)
	}
	r := runnerOf(body)
	if model.Top == nil {
		return r, nil
	}
	if !endsInSoftmax(model.Top) {
		return nil, fmt.Errorf("the top does not end in softmax")
	}
	if r.top, err = freeze(model.Top, body.Out); err != nil {
		return nil, err
	}
	return r, nil
}

// runnerOf readies a plan alone.
func runnerOf(body *nn.Plan) *runner {
	return &runner{body: body, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
}

func endsInSoftmax(l nn.Layer) bool {
	switch l := l.(type) {
	case nn.Seq:
		return len(l) > 0 && endsInSoftmax(l[len(l)-1])
	case nn.Block:
		return endsInSoftmax(l.Body)
	case nn.Act:
		return l.Kind == nn.Softmax
	case nn.Dense:
		return l.Act == nn.Softmax
	case nn.Conv:
		return l.Act == nn.Softmax
	}
	return false
}

// plans are what a way goes through.
func (r *runner) plans(w way) []*nn.Plan {
	return [ways][]*nn.Plan{bodyWay: {r.body}, wholeWay: {r.body, r.top}, topWay: {r.top}}[w]
}

// features gives n feature vectors for n pictures, NHWC as Preprocess.floats
// writes them.
func (r *runner) features(ctx context.Context, threads, n int, x []float32) ([]float32, error) {
	return r.all(ctx, bodyWay, threads, n, x)
}

// probabilities gives n rows of probabilities for n pictures.
func (r *runner) probabilities(ctx context.Context, threads, n int, x []float32) ([]float32, error) {
	return r.all(ctx, wholeWay, threads, n, x)
}

// head gives n rows of probabilities for n feature vectors.
func (r *runner) head(ctx context.Context, threads, n int, features []float32) ([]float32, error) {
	return r.all(ctx, topWay, threads, n, features)
}

func (r *runner) all(ctx context.Context, w way, threads, n int, x []float32) ([]float32, error) {
	plans := r.plans(w)
	in := plans[0].In.Size()
	if len(x) != n*in {
		return nil, fmt.Errorf("%d inputs have %d values, want %d", n, len(x), n*in)
	}
	y := make([]float32, n*plans[len(plans)-1].Out.Size())
	return y, r.run(ctx, w, threads, n, y, func(at int, dst []float32) { copy(dst, x[at*in:]) })
}

// run computes y for n inputs. It calls load(i, dst) for the inputs from i on,
// as many as fill dst.
func (r *runner) run(ctx context.Context, w way, threads, n int, y []float32, load func(at int, dst []float32)) error {
	if n == 0 {
		return ctx.Err()
	}
	out := len(y) / n
	for at := 0; at < n; {
		k := 0
		for pieces[k] > n-at {
			k++
		}
		size := pieces[k]
		if err := r.piece(ctx, w, k, threads, y[at*out:(at+size)*out], func(dst []float32) { load(at, dst) }); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// piece runs one piece, of size pieces[k], on a graph that nobody else has.
func (r *runner) piece(ctx context.Context, w way, k, threads int, y []float32, load func(dst []float32)) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.slots }()
	idle := &r.idle[w][k]
	m := idle.take()
	if m == nil {
		var err error
		if m, err = compile(r.plans(w), pieces[k]); err != nil {
			return err
		}
	}
	defer idle.give(m, max(2, cap(r.slots)/pieces[k]))
	load(m.x)
	if err := m.Run(ctx, threads); err != nil {
		return err
	}
	copy(y, m.output())
	return nil
}

// A machine is a compiled graph with its input and output.
type machine struct {
	*nn.Machine
	x []float32
	y *gorgonia.Node
}

// compile makes the graph of plans, one after the other, over n inputs.
func compile(plans []*nn.Plan, n int) (*machine, error) {
	in := plans[0].In
	m := &machine{x: make([]float32, n*in.Size())}
	x := tensor.New(tensor.WithShape(n, in.H, in.W, in.C), tensor.WithBacking(m.x))
	m.y = gorgonia.NodeFromAny(gorgonia.NewGraph(), x, gorgonia.WithName("x"))
	for _, p := range plans {
		var err error
		if m.y, err = p.Apply(m.y); err != nil {
			return nil, err
		}
	}
	var err error
	m.Machine, err = nn.NewMachine(m.y.Graph(), m.y)
	return m, err
}

// output is what the last run computed.
func (m *machine) output() []float32 { return m.y.Value().Data().([]float32) }

// A freeList keeps machines that nobody uses.
type freeList struct {
	mu       sync.Mutex
	machines []*machine
}

func (l *freeList) take() (m *machine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.machines); n > 0 {
		m, l.machines = l.machines[n-1], l.machines[:n-1]
	}
	return m
}

// give puts m back, unless as many as limit are there.
func (l *freeList) give(m *machine, limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.machines) < limit {
		l.machines = append(l.machines, m)
	}
}
