package train

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/internal/kernel/optim"
	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/argus-go/argus/nn"
)

// A stepper is a job's compiled graph of one batch size. A batch that is not
// full ends in rows that weigh nothing.
type stepper struct {
	*Job
	machine *nn.Machine
	graphs  []*nn.Graph
	cost    *gorgonia.Node
	x       []float32 // the graph's inputs
	targets []target
	scratch []float32 // for blending
	params  []param
	grads   [][]float32 // of the params
	state   *State

	sum     float64 // of the loss of the rows since the last update
	seen    int     // rows since then
	weighed int     // rows whose gradients have been added up
}

// A target is what rows should be, and how much each weighs.
type target struct{ labels, weights []float32 }

// A param is a tensor that is trained.
type param struct {
	name    string
	w       []float32
	moments [2][]float32
	grad    *gorgonia.Node
	total   []float32 // gradients added up, where there is more than one step
	decays  bool      // takes weight decay and L2
	group   Group
}

func (j *Job) stepper(batch int) (*stepper, error) {
	s := &stepper{Job: j, x: make([]float32, batch*j.In.Size())}
	g := gorgonia.NewGraph()
	x := input(g, "x", s.x, batch, j.In.H, j.In.W, j.In.C)
	graphs, err := j.build(g, x)
	if err != nil {
		return nil, err
	}
	s.graphs = graphs
	logits := graphs[len(graphs)-1].Output
	names, costs := []string{"labels"}, gorgonia.Nodes{}
	if j.mixes() {
		names = append(names, "partners")
		s.scratch = make([]float32, len(s.x))
	}
	for _, name := range names {
		t := target{make([]float32, batch), make([]float32, batch)}
		cost, err := nn.CrossEntropy(logits, input(g, name, t.labels, batch), input(g, name+"/weights", t.weights, batch), j.Smoothing)
		if err != nil {
			return nil, err
		}
		costs, s.targets = append(costs, cost), append(s.targets, t)
	}
	if s.cost, err = nn.Total(costs...); err != nil {
		return nil, err
	}
	var params gorgonia.Nodes
	for _, part := range graphs {
		params = append(params, part.Params...)
	}
	grads, err := nn.Grad(s.cost, params...)
	if err != nil {
		return nil, err
	}
	for i, n := range params {
		s.params = append(s.params, s.param(n.Name(), grads[i]))
	}
	s.grads = make([][]float32, len(params))
	s.machine, err = nn.NewMachine(g, append(grads, s.cost)...)
	return s, err
}

func (j *Job) mixes() bool { return j.Mixup > 0 || j.CutMix > 0 }

// build adds the body, if any, and the head to g.
func (j *Job) build(g *gorgonia.ExprGraph, x *gorgonia.Node) (graphs []*nn.Graph, err error) {
	parts := []struct {
		layer  nn.Layer
		frozen bool
	}{{j.Body, !j.TrainNorm}, {j.Head, false}}
	shape := j.In
	for _, p := range parts {
		if p.layer == nil {
			continue
		}
		own, err := j.Weights.Of(p.layer, shape)
		if err != nil {
			return nil, err
		}
		b, err := nn.Build(g, x, p.layer, own, nn.Options{Training: true, FrozenNorm: p.frozen, Seed: j.Seed})
		if err != nil {
			return nil, err
		}
		if shape, err = nn.OutShape(p.layer, shape); err != nil {
			return nil, err
		}
		graphs, x = append(graphs, b), b.Output
	}
	return graphs, nil
}

func (j *Job) param(name string, grad *gorgonia.Node) param {
	p := param{name: name, w: j.Weights[name].Data, grad: grad, decays: strings.HasSuffix(name, "/kernel"), group: Group{Rate: 1}}
	for _, g := range j.Groups {
		if strings.HasPrefix(name, g.Path+"/") {
			p.group = g
			break
		}
	}
	if j.Accumulate > 1 {
		p.total = make([]float32, len(p.w))
	}
	return p
}

func input(g *gorgonia.ExprGraph, name string, data []float32, shape ...int) *gorgonia.Node {
	value := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name), gorgonia.WithValue(value))
}

// step computes the gradients of step k of an epoch on the given rows. Where
// update is set it changes the weights; only then does the state move on.
func (s *stepper) step(ctx context.Context, epoch, k int, rows []int, update bool) error {
	if s.Accumulate > 1 { // between two updates there is nothing to save
		ctx = context.WithoutCancel(ctx)
	}
	if err := s.load(ctx, epoch, k, rows); err != nil {
		return err
	}
	for _, g := range s.graphs {
		g.SetStep(uint64(epoch)<<32 | uint64(k))
	}
	if err := s.machine.Run(ctx, s.Threads); err != nil {
		return err
	}
	loss, err := scalar(s.cost)
	if err != nil {
		return err
	}
	crew := parallel.Begin(s.Threads)
	defer crew.End()
	if s.L2 > 0 {
		for _, p := range s.params {
			if p.decays {
				loss += float64(s.L2) * optim.SquareSum(p.w)
			}
		}
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return diverged("the loss is %v in epoch %d, step %d, at learning rate %v", loss, epoch, k+1, s.Rate)
	}
	s.sum += loss * float64(len(rows))
	s.seen += len(rows)
	for _, g := range s.graphs {
		g.UpdateStatistics()
	}
	gradients, err := s.gradients(crew, len(rows), update)
	if err != nil || !update {
		return err
	}
	s.update(crew, epoch, gradients)
	s.state.Sum, s.state.Step = s.state.Sum+s.sum, k+1
	s.sum, s.seen = 0, 0
	return nil
}

// load puts rows and their targets into the graph's inputs.
func (s *stepper) load(ctx context.Context, epoch, k int, rows []int) error {
	size, batch, n := s.In.Size(), len(s.targets[0].labels), len(rows)
	if err := s.Train.Read(ctx, epoch, rows, s.x[:n*size]); err != nil {
		return err
	}
	m := mix{}
	if s.mixes() {
		m = s.blend(epoch, k, n, s.x, s.scratch)
	}
	fill := float64(batch) / float64(n) // the loss is a mean over all rows of the graph
	for t, share := range []float64{1 - m.other, m.other}[:len(s.targets)] {
		target := s.targets[t]
		for i := range batch {
			row := rows[i%n]
			if t > 0 {
				row = rows[m.partner[i%n]]
			}
			label := s.Train.Label(row)
			target.labels[i], target.weights[i] = float32(label), float32(float64(s.ClassWeights[label])*fill*share)
			if i >= n {
				target.weights[i] = 0
			}
		}
	}
	for i := n; i < batch; i++ { // real rows, for the sake of batch norm's statistics
		copy(s.x[i*size:][:size], s.x[i%n*size:])
	}
	return nil
}

// gradients are those of the params since the last update, each in memory that
// may be changed; nil before an update is due.
func (s *stepper) gradients(crew *parallel.Crew, n int, update bool) ([][]float32, error) {
	out := s.grads
	for i, p := range s.params {
		v, ok := p.grad.Value().(*tensor.Dense)
		if !ok || v.Dtype() != tensor.Float32 {
			return nil, fmt.Errorf("gradient of %s is no float32 tensor", p.name)
		}
		g := v.Float32s()
		if p.total != nil {
			if s.weighed == 0 {
				clear(p.total)
			}
			vec.Axpy(crew, float32(n), g, p.total)
			g = p.total
		}
		out[i] = g
	}
	s.weighed += n
	if !update {
		return nil, nil
	}
	for i, p := range s.params {
		if p.total != nil {
			vec.Scale(crew, 1/float32(s.weighed), out[i], out[i])
		}
	}
	s.weighed = 0
	return out, nil
}

// update changes the weights by their gradients.
func (s *stepper) update(crew *parallel.Crew, epoch int, gradients [][]float32) {
	_, steps, _ := s.split()
	perEpoch := (steps + s.Accumulate - 1) / s.Accumulate
	s.state.Rate = s.Rate * float32(s.state.Scale*s.Schedule.at(s.state.Updates, s.Epochs*perEpoch, perEpoch))
	s.state.Updates++
	if s.L2 > 0 {
		for i, p := range s.params {
			if p.decays {
				vec.Axpy(crew, 2*s.L2, p.w, gradients[i])
			}
		}
	}
	if s.ClipNorm > 0 {
		s.clip(crew, epoch, gradients)
	}
	for i, p := range s.params {
		if epoch >= p.group.From {
			before := max(0, p.group.From-1) * perEpoch // updates without this param
			s.apply(crew, p, s.state.Updates-before, gradients[i])
		}
	}
	if s.EMA > 0 {
		rate := 1 - s.EMA
		if s.state.Updates == 1 { // as Keras: the average starts after the first update
			rate = 1
		}
		for name, w := range s.state.Weights {
			optim.Toward(crew, s.state.Average[name].Data, rate, w.Data)
		}
	}
}

// clip shortens the gradients, taken together, to the norm allowed.
func (s *stepper) clip(crew *parallel.Crew, epoch int, gradients [][]float32) {
	sum := 0.
	for i, p := range s.params {
		if epoch >= p.group.From {
			sum += optim.SquareSum(gradients[i])
		}
	}
	if norm := math.Sqrt(sum); norm > float64(s.ClipNorm) {
		for _, g := range gradients {
			vec.Scale(crew, float32(float64(s.ClipNorm)/norm), g, g)
		}
	}
}

// apply is the optimizer's step t, from 1, for one param.
func (s *stepper) apply(crew *parallel.Crew, p param, t int, g []float32) {
	o, rate, decay := s.Optimizer, s.state.Rate*p.group.Rate, float32(0)
	if p.decays {
		decay = s.WeightDecay
	}
	a, b := p.moments[0], p.moments[1]
	switch o.Kind {
	case SGD:
		optim.SGD{LearningRate: rate, Momentum: max(0, o.Momentum), Nesterov: o.Nesterov, WeightDecay: decay}.Step(crew, p.w, g, a)
	case RMSprop:
		optim.RMSprop{LearningRate: rate, Rho: o.Rho, Momentum: o.Momentum, Epsilon: o.Epsilon, WeightDecay: decay}.Step(crew, p.w, g, a, b)
	default:
		optim.Adam{LearningRate: rate, Beta1: o.Beta1, Beta2: o.Beta2, Epsilon: o.Epsilon, WeightDecay: decay}.Step(crew, t, p.w, g, a, b)
	}
}

// averaged is the weights to validate and keep.
func (s *stepper) averaged() nn.Weights {
	if s.EMA > 0 {
		return s.state.Average
	}
	return s.state.Weights
}

// scalar is the value of a node of one number.
func scalar(n *gorgonia.Node) (float64, error) {
	switch v := n.Value().Data().(type) {
	case float32:
		return float64(v), nil
	case []float32:
		if len(v) == 1 {
			return float64(v[0]), nil
		}
	}
	return 0, fmt.Errorf("the cost is %v, want one float32", n.Value())
}
