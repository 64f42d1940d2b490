package main

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"github.com/argus-go/argus/hpo"
)

// A dim is a dimension of a problem: real from lo to hi, int from lo to hi, or
// cat, one of hi.
type dim struct {
	kind   string
	lo, hi float64
}

// A problem is a function to minimise whose lowest value is known.
type problem struct {
	name   string
	dims   []dim
	lowest float64
	f      func(x []float64) float64
}

func real(lo, hi float64, n int) []dim { return slices.Repeat([]dim{{"real", lo, hi}}, n) }

func whole(lo, hi float64, n int) []dim { return slices.Repeat([]dim{{"int", lo, hi}}, n) }

func labels(n ...float64) []dim {
	var out []dim
	for _, k := range n {
		out = append(out, dim{"cat", 0, k})
	}
	return out
}

// problems are those of peers.py.
var problems = append([]problem{
	{"branin", slices.Concat(real(-5, 10, 1), real(0, 15, 1)), 0.39788735772973816, branin},
	{"hartmann3", real(0, 1, 3), -3.8627821478207554, hartmann(hartmann3A, hartmann3P)},
	{"hartmann6", real(0, 1, 6), -3.3223680114155147, hartmann(hartmann6A, hartmann6P)},
	{"levy4", real(-10, 10, 4), 0, levy},
	{"rosenbrock4", real(-5, 10, 4), 0, rosenbrock},
	{"styblinski4", real(-5, 5, 4), -39.16616570377142 * 4, styblinski},
	{"func2c", slices.Concat(labels(3, 5), real(-1, 1, 2)), -.2 * camelLowest, funcC(2)},
	{"func3c", slices.Concat(labels(3, 5, 4), real(-1, 1, 2)), -.7 * camelLowest, funcC(3)},
	{"ackley5m", slices.Concat(whole(0, 1, 3), real(-1, 1, 2)), 0, ackley},
	{"vessel", slices.Concat(whole(1, 99, 2), real(10, 200, 1), real(10, 240, 1)), vesselLowest, vessel},
}, tables()...)

func branin(x []float64) float64 {
	const b, c = 5.1 / (4 * math.Pi * math.Pi), 5 / math.Pi
	q := x[1] - b*x[0]*x[0] + c*x[0] - 6
	return q*q + 10*(1-1/(8*math.Pi))*math.Cos(x[0]) + 10
}

var (
	hartmannAlpha = []float64{1, 1.2, 3, 3.2}
	hartmann3A    = [][]float64{{3, 10, 30}, {.1, 10, 35}, {3, 10, 30}, {.1, 10, 35}}
	hartmann3P    = [][]float64{{3689, 1170, 2673}, {4699, 4387, 7470}, {1091, 8732, 5547}, {381, 5743, 8828}}
	hartmann6A    = [][]float64{{10, 3, 17, 3.5, 1.7, 8}, {.05, 10, 17, .1, 8, 14}, {3, 3.5, 1.7, 10, 17, 8}, {17, 8, .05, 10, .1, 14}}
	hartmann6P    = [][]float64{{1312, 1696, 5569, 124, 8283, 5886}, {2329, 4135, 8307, 3736, 1004, 9991},
		{2348, 1451, 3522, 2883, 3047, 6650}, {4047, 8828, 8732, 5743, 1091, 381}}
)

func hartmann(a, p [][]float64) func([]float64) float64 {
	return func(x []float64) float64 {
		sum := 0.0
		for i, alpha := range hartmannAlpha {
			inner := 0.0
			for j, v := range x {
				d := v - p[i][j]*1e-4
				inner += a[i][j] * d * d
			}
			sum -= alpha * math.Exp(-inner)
		}
		return sum
	}
}

func square(x float64) float64 { return x * x }

func levy(x []float64) float64 {
	w := func(i int) float64 { return 1 + (x[i]-1)/4 }
	last := w(len(x) - 1)
	sum := square(math.Sin(math.Pi*w(0))) + square(last-1)*(1+square(math.Sin(2*math.Pi*last)))
	for i := range len(x) - 1 {
		sum += square(w(i)-1) * (1 + 10*square(math.Sin(math.Pi*w(i)+1)))
	}
	return sum
}

func rosenbrock(x []float64) float64 {
	sum := 0.0
	for i := range len(x) - 1 {
		sum += 100*square(x[i+1]-x[i]*x[i]) + square(1-x[i])
	}
	return sum
}

func styblinski(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += (v*v*v*v - 16*v*v + 5*v) / 2
	}
	return sum
}

const camelLowest = 1.0316284534898774

func camel(x, y float64) float64 {
	return (4-2.1*x*x+x*x*x*x/3)*x*x + x*y + (-4+4*y*y)*y*y
}

func beale(x, y float64) float64 {
	return square(1.5-x+x*y) + square(2.25-x+x*y*y) + square(2.625-x+x*y*y*y)
}

// funcC is Func-2C or Func-3C of Ru et al., arXiv:1906.08878.
func funcC(parts int) func([]float64) float64 {
	return func(v []float64) float64 {
		x, y := 2*v[parts], 2*v[parts+1]
		basis := []float64{rosenbrock([]float64{x, y}) / 300, camel(x, y) / 10, beale(x, y) / 50}
		sum := basis[int(v[0])] + basis[min(int(v[1]), 2)]
		if parts == 3 {
			sum += []float64{5 * basis[1], 2 * basis[0], 2 * basis[2], 3 * basis[2]}[int(v[2])]
		}
		return sum
	}
}

func ackley(x []float64) float64 {
	squares, cosines := 0.0, 0.0
	for _, v := range x {
		squares += v * v
		cosines += math.Cos(2 * math.Pi * v)
	}
	n := float64(len(x))
	return 20 + math.E - 20*math.Exp(-.2*math.Sqrt(squares/n)) - math.Exp(cosines/n)
}

// vesselLowest is the logarithm of the lowest cost known, 6059.714.
var vesselLowest = math.Log(6059.7143350488)

// vessel is the pressure vessel of Sandgren, 1990; a broken bound costs its share.
func vessel(x []float64) float64 {
	a, b, r, l := x[0]*.0625, x[1]*.0625, x[2], x[3]
	cost := .6224*a*r*l + 1.7781*b*r*r + 3.1661*a*a*l + 19.84*a*a*r
	broken := max(0, .0193*r/a-1) + max(0, .00954*r/b-1) + max(0, 1-(math.Pi*r*r*l+4./3*math.Pi*r*r*r)/1296000)
	return math.Log(cost) + 10*broken
}

//go:embed clothing5.json
var clothing5 []byte

// tables are the problems of values that were recorded.
func tables() []problem {
	var table table
	if json.Unmarshal(clothing5, &table) != nil || len(table.Loss) == 0 {
		return nil
	}
	p := problem{name: "clothing5", lowest: slices.Min(table.Loss)}
	for _, param := range table.Params {
		p.dims = append(p.dims, dim{"int", 0, float64(len(param.Values) - 1)})
	}
	p.f = func(x []float64) float64 {
		at := 0
		for i, v := range x {
			at = at*len(table.Params[i].Values) + int(v)
		}
		return table.Loss[at]
	}
	return []problem{p}
}

// space is what a problem is to the optimizer.
func (p problem) space() (*hpo.Space, error) {
	var params []hpo.Param
	for i, d := range p.dims {
		name := "x" + strconv.Itoa(i)
		switch d.kind {
		case "real":
			params = append(params, hpo.Real(name, d.lo, d.hi))
		case "int":
			params = append(params, hpo.Int(name, int(d.lo), int(d.hi)))
		default:
			var choices []string
			for k := range int(d.hi) {
				choices = append(choices, strconv.Itoa(k))
			}
			params = append(params, hpo.Categorical(name, choices...))
		}
	}
	return hpo.NewSpace(params...)
}

// point is x as a point of p's space.
func (p problem) point(x []float64) hpo.Point {
	out := hpo.Point{}
	for i, d := range p.dims {
		name := "x" + strconv.Itoa(i)
		switch d.kind {
		case "real":
			out[name] = x[i]
		case "int":
			out[name] = int(x[i])
		default:
			out[name] = strconv.Itoa(int(x[i]))
		}
	}
	return out
}

// values is the opposite of point.
func (p problem) values(q hpo.Point) []float64 {
	x := make([]float64, len(p.dims))
	for i, d := range p.dims {
		name := "x" + strconv.Itoa(i)
		if d.kind == "cat" {
			k, _ := strconv.Atoi(q.Choice(name))
			x[i] = float64(k)
			continue
		}
		x[i] = q.Float(name)
	}
	return x
}

// fromUnit maps a row of the design into p.
func (p problem) fromUnit(u []float64) []float64 {
	x := make([]float64, len(u))
	for i, d := range p.dims {
		switch d.kind {
		case "real":
			x[i] = d.lo + u[i]*(d.hi-d.lo)
		case "int":
			x[i] = d.lo + math.Floor(u[i]*(d.hi-d.lo+1))
		default:
			x[i] = math.Floor(u[i] * d.hi)
		}
	}
	return x
}
