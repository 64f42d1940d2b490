package main

import (
	"math"
	"os"
	"slices"

	"github.com/argus-go/argus/internal/svg"
)

// colours of optimizers in figures.
var colours = map[string]string{"argus": "#1f77b4", "gpsampler": "#ff7f0e", "skopt": "#2ca02c", "tpe": "#9467bd"}

// A curve is the regrets of an optimizer's runs of a problem.
type curve struct {
	name string
	runs []trace
}

// drawRegrets writes a figure of the median regret of each problem over the
// evaluations.
func drawRegrets(path string, all []problem, curves map[string][]curve) error {
	const across, width, height = 4, 230., 190.
	down := (len(all) + across - 1) / across
	c := svg.New(int(across*width)+30, int(float64(down)*height)+60)
	for i, name := range sortedKeys(colours) {
		c.Rect(80+130*float64(i), 14, 10, 10, colours[name])
		c.Text(96+130*float64(i), 23, 12, "start", 0, name)
	}
	for k, p := range all {
		left, top := 65+float64(k%across)*width, 50+float64(k/across)*height
		panel(c, p, curves[p.name], left, top, width-75, height-60)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := c.WriteTo(file); err != nil {
		return err
	}
	return file.Close()
}

func panel(c *svg.Canvas, p problem, curves []curve, left, top, width, height float64) {
	lo, hi := math.Inf(1), floor*10
	last := 0
	medians := map[string][]float64{}
	for _, each := range curves {
		for _, n := range at {
			m := median(regrets(p, each.runs, n))
			if math.IsNaN(m) {
				break
			}
			medians[each.name] = append(medians[each.name], m)
			lo, hi, last = min(lo, m), max(hi, m), max(last, n)
		}
	}
	x := svg.Scale{Lo: initial, Hi: float64(last), From: left, To: left + width, Whole: true}
	y := svg.Scale{Lo: lo / 1.5, Hi: hi * 1.5, From: top + height, To: top, Log: true}
	c.Axes(x, y, "", "", 4, false, false)
	c.Text(left+width/2, top-6, 12, "middle", 0, p.name)
	names := sortedKeys(medians)
	slices.Reverse(names) // ours on top
	for _, name := range names {
		var px, py []float64
		for i, m := range medians[name] {
			px, py = append(px, x.At(float64(at[i]))), append(py, y.At(m))
		}
		c.Path(px, py, colours[name], 2)
	}
}
