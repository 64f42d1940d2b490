package nn

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Summary prints the network as papers do: a row per block, with its output
// shape (height×width×channels), parameters and millions of multiply-adds for
// one picture of the default size.
func Summary(w io.Writer, m Model) error {
	if err := m.Check(); err != nil {
		return err
	}
	whole, err := resolve(m.Whole())
	if err != nil {
		return err
	}
	layers := flat(whole)
	width := max(len(m.Name), len("total"))
	for _, l := range layers {
		width = max(width, len(label(l)))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-*s\toutput\tparameters\tMMACs\t\n", width, m.Name)
	row := func(name string, out Shape, params, macs int) {
		fmt.Fprintf(t, "%-*s\t%v\t%d\t%.1f\t\n", width, name, out, params, float64(macs)/1e6)
	}
	var params, macs int
	at := m.Input.Shape()
	for _, l := range layers {
		var p, a int
		at, err = visit(l, at, func(l Layer, in, out Shape) {
			for _, q := range layerParams(l, in) {
				p += q.Size()
			}
			a += layerMACs(l, in, out)
		})
		if err != nil {
			return err
		}
		row(label(l), at, p, a)
		params, macs = params+p, macs+a
	}
	row("total", at, params, macs)
	return t.Flush()
}
