package nn

import (
	"context"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/argus-go/argus/internal/kernel/vec"
	"github.com/argus-go/argus/internal/parallel"
)

// A Machine runs a graph. The outputs of all our ops lie in one arena, laid out
// when the machine is made, where outputs that are not needed at the same time
// share memory. One goroutine uses it at a time, and a graph has one machine.
//
// Where all ops are ours they run by themselves; a graph with others runs on
// Gorgonia's tape, which takes some hundred bytes an op and run.
type Machine struct {
	calls  []call      // of ops, where all are ours
	tape   gorgonia.VM // where some are not
	ops    []*op       // in the order of the tape
	env    *env
	memory int
	claim  func() // takes the arena's memory; nil when that is done
}

// NewMachine compiles g. After a run the values of the nodes in keep, and of
// nodes that nothing is computed from, are there to be read until the next run;
// others may have been overwritten.
func NewMachine(g *gorgonia.ExprGraph, keep ...*gorgonia.Node) (*Machine, error) {
	if err := checkHashes(g); err != nil {
		return nil, err
	}
	order, err := gorgonia.Sort(g)
	if err != nil {
		return nil, fmt.Errorf("nn: machine: %w", err)
	}
	slices.Reverse(order) // this is how the tape runs
	m := &Machine{env: newEnv()}
	if m.calls = calls(g, order); m.calls == nil {
		prog, registers, err := gorgonia.Compile(g)
		if err != nil {
			return nil, fmt.Errorf("nn: machine: %w", err)
		}
		m.tape = gorgonia.NewTapeMachine(g, gorgonia.WithPrecompiled(prog, registers))
	}
	m.place(g, order, keep)
	return m, nil
}

// place gives every op of ours its piece of the arena.
func (m *Machine) place(g *gorgonia.ExprGraph, order, keep gorgonia.Nodes) {
	last := lastUses(g, order, keep)
	at := make(map[int]*op, len(order))
	var spans []span
	for i, n := range order {
		o := of(n)
		if o == nil {
			continue
		}
		o.env, o.dying = m.env, nil
		at[i] = o
		m.ops = append(m.ops, o)
		spans = append(spans, span{roundUp(o.size()), i, last[i]})
	}
	offsets, total := layout(spans)
	m.memory = 4 * total
	for k, o := range m.ops {
		if end := at[spans[k].to]; end != nil {
			end.dying = append(end.dying, o)
		}
	}
	m.claim = func() {
		arena := vec.Aligned(total)
		for k, o := range m.ops {
			n := o.size()
			o.use(arena[offsets[k]:][:n:n])
		}
		for _, c := range m.calls {
			c.bind()
		}
	}
}

// lastUses is, for each node in order, the place of the last node that reads its
// output; past the end where that must stay.
func lastUses(g *gorgonia.ExprGraph, order, keep gorgonia.Nodes) []int {
	place := make(map[*gorgonia.Node]int, len(order))
	for i, n := range order {
		place[n] = i
	}
	last := make([]int, len(order))
	for i, n := range order {
		last[i] = i
		for it := g.To(n.ID()); it.Next(); {
			user := it.Node().(*gorgonia.Node)
			if of(user) == nil { // it may hand out what it read
				last[i] = len(order)
			}
			last[i] = max(last[i], place[user])
		}
		if last[i] == i || slices.Contains(keep, n) {
			last[i] = len(order)
		}
	}
	return last
}

// checkHashes says whether all nodes have hashes of their own: the tape takes
// nodes of equal hash for one.
func checkHashes(g *gorgonia.ExprGraph) error {
	seen := map[uint32]*gorgonia.Node{}
	for _, n := range g.AllNodes() {
		h := n.Hashcode()
		if other := seen[h]; other != nil {
			return fmt.Errorf("nn: machine: nodes %v and %v have the same hash %#x, Gorgonia would run only one of them", other, n, h)
		}
		seen[h] = n
	}
	return nil
}

// Run runs the graph once on at most the given number of threads (0: all of
// GOMAXPROCS). It returns ctx's error when that ends first.
func (m *Machine) Run(ctx context.Context, threads int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.claim != nil {
		m.claim()
		m.claim = nil
	}
	m.env.ctx, m.env.crew = ctx, parallel.Begin(threads)
	defer func() {
		m.env.crew.End()
		m.env.ctx, m.env.crew = context.Background(), nil
	}()
	if m.tape == nil {
		for i := range m.calls {
			if err := m.calls[i].run(); err != nil {
				return err
			}
		}
		return nil
	}
	defer m.tape.Reset()
	if err := m.tape.RunAll(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("nn: %w", err)
	}
	return nil
}

// Memory is the size of the arena in bytes. It is known before the first run,
// which is when the memory is taken.
func (m *Machine) Memory() int { return m.memory }

// Close lets go of what the machine holds.
func (m *Machine) Close() error {
	if m.tape == nil {
		return nil
	}
	return m.tape.Close()
}
