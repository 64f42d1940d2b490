package nn

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Summary prints the network as papers do: a row per block, with its output
// shape, parameters and multiply-adds.
func Summary(w io.Writer, m Model) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\toutput\tparameters\tMMACs\t\n", m.Name)
	var params, macs int
	row := func(name string, out Shape, p, a int) {
		fmt.Fprintf(t, "%s\t%v\t%d\t%.1f\t\n", name, out, p, float64(a)/1e6)
	}
	in := m.Input.Shape()
	for _, l := range flat(m.Whole()) {
		ps, err := Params(l, in)
		if err != nil {
			return err
		}
		p := 0
		for _, q := range ps {
			p += q.Size()
		}
		a, err := MACs(l, in)
		if err != nil {
			return err
		}
		if in, err = OutShape(l, in); err != nil {
			return err
		}
		row(label(l), in, p, a)
		params, macs = params+p, macs+a
	}
	row("total", in, params, macs)
	return t.Flush()
}
