package clean

import (
	"math"
	"slices"
)

// A view is a smoothed grey picture with its gradients.
type view struct{ grey, gx, gy plane }

func viewOf(p plane) view {
	p = p.smooth()
	gx, gy := p.gradients()
	return view{p, gx, gy}
}

// views are of half and of full size.
func views(thumb *[thumbSide * thumbSide]uint8) [2]view {
	p := newPlane(thumbSide, thumbSide)
	for i, v := range thumb {
		p.v[i] = float32(v)
	}
	return [2]view{viewOf(p.shrink(p.whole(), thumbSide/2, thumbSide/2)), viewOf(p)}
}

// A warp takes a point of one picture to one of another, both in fractions of
// the sides: x ↦ x0 + sx·(x−½), y likewise. sx < 0 mirrors.
type warp struct{ x0, sx, y0, sy float64 }

// onto is the warp that takes box a to box b.
func onto(a, b box, mirrored bool) warp {
	along := func(a0, a1, b0, b1 float64) (at, scale float64) {
		scale = (b1 - b0) / (a1 - a0)
		return b0 + scale*(.5-a0), scale
	}
	if mirrored {
		b.x0, b.x1 = b.x1, b.x0
	}
	var w warp
	w.x0, w.sx = along(a.x0, a.x1, b.x0, b.x1)
	w.y0, w.sy = along(a.y0, a.y1, b.y0, b.y1)
	return w
}

// plausible says whether w keeps most of a picture in view.
func (w warp) plausible() bool {
	in := func(v, lo, hi float64) bool { return v > lo && v < hi }
	return in(math.Abs(w.sx), .6, 1.7) && in(w.sy, .6, 1.7) && in(w.x0, .2, .8) && in(w.y0, .2, .8)
}

// Scores of compare. Below hopeless at half size it does not go on; from alike
// on two pictures are the same one (decision 0166: how both were measured).
const (
	hopeless  = .2
	alikeFrom = .72
)

// compare registers b to a from a first guess and says how alike they are, from
// −1 to 1.
func compare(a, b [2]view, guess warp) (score float64, w warp) {
	w = a[0].register(b[0], guess, 12)
	if score = a[0].alike(b[0], w); score < hopeless {
		return score, w
	}
	w = a[1].register(b[1], w, 8)
	return a[1].alike(b[1], w), w
}

// margin is left out around both pictures: it may hold a rest of a border.
const margin = .03

// each calls f for the pixels of a that w takes into b: the index in a, the
// point from a's centre in fractions, and the place in b.
func (w warp) each(a, b plane, f func(i int, x, y float64, to tap)) (n int) {
	inside := func(v float64) bool { return v >= margin && v <= 1-margin }
	for py := range a.h {
		y := (float64(py) + .5) / float64(a.h)
		by := w.y0 + w.sy*(y-.5)
		if !inside(y) || !inside(by) {
			continue
		}
		for px := range a.w {
			x := (float64(px) + .5) / float64(a.w)
			bx := w.x0 + w.sx*(x-.5)
			if !inside(x) || !inside(bx) {
				continue
			}
			f(py*a.w+px, x-.5, y-.5, b.tap(bx*float64(b.w)-.5, by*float64(b.h)-.5))
			n++
		}
	}
	return n
}

// register improves w by Gauss's and Newton's steps towards the least squares of
// a(x) − gain·b(w(x)) − offset: Lucas and Kanade (1981), with brightness.
func (a view) register(b view, w warp, steps int) warp {
	gain := 1.0
	for range steps {
		var m system
		n := w.each(a.grey, b.grey, func(i int, x, y float64, to tap) {
			dx := gain * float64(b.gx.at(to)) * float64(b.grey.w)
			dy := gain * float64(b.gy.at(to)) * float64(b.grey.h)
			m.add([unknowns + 1]float64{dx, dx * x, dy, dy * y, float64(b.grey.at(to)), 1, float64(a.grey.v[i])})
		})
		d, ok := m.solve()
		next := warp{w.x0 + d[0], w.sx + d[1], w.y0 + d[2], w.sy + d[3]}
		if n < 6*unknowns || !ok || !next.plausible() {
			return w
		}
		// The equations are for b(w) + its change = a, so d[4] is the new gain.
		w, gain = next, min(max(d[4], .25), 4)
		if math.Abs(d[0])+math.Abs(d[1])+math.Abs(d[2])+math.Abs(d[3]) < 2e-4 {
			break
		}
	}
	return w
}

// alike is how well a and b agree under w: the correlation of their gradients in
// each of 8×8 blocks, of which the worst 15 % are passed over and the next is
// the score. A copy agrees all over, what merely looks like it only along the
// outline.
//
// Gradients count by g/(|g|+c), so that a fold counts as an edge does. Places
// where one of both is white without detail, as after brightening, do not count,
// nor do blocks without detail. The score is −1 where less than six blocks do.
func (a view) alike(b view, w warp) float64 {
	const (
		side   = 8   // blocks
		c      = 8   // grey values a pixel
		white  = 245 // grey values
		detail = 3   // root mean square of gradients, grey values a pixel
		fewest = 6   // blocks
		worst  = .15
	)
	var blocks [side * side]struct{ ab, aa, bb, energyA, energyB, n float64 }
	width, height := a.grey.w, a.grey.h
	sx, sy := float32(w.sx), float32(w.sy)
	w.each(a.grey, b.grey, func(i int, _, _ float64, to tap) {
		if (a.grey.v[i] >= white) != (b.grey.at(to) >= white) {
			return
		}
		ux, uy := a.gx.v[i], a.gy.v[i]
		vx, vy := sx*b.gx.at(to), sy*b.gy.at(to)
		uu, vv := ux*ux+uy*uy, vx*vx+vy*vy
		ku, kv := 1/(c+sqrt(uu)), 1/(c+sqrt(vv))
		s := &blocks[i/width*side/height*side+i%width*side/width]
		s.n++
		s.energyA += float64(uu)
		s.energyB += float64(vv)
		s.ab += float64((ux*vx + uy*vy) * ku * kv)
		s.aa += float64(uu * ku * ku)
		s.bb += float64(vv * kv * kv)
	})
	var scores []float64
	for _, s := range blocks {
		full := s.n >= float64(width*height)/float64(4*len(blocks))
		if full && max(s.energyA, s.energyB) > detail*detail*s.n && s.aa > 0 && s.bb > 0 {
			scores = append(scores, s.ab/math.Sqrt(s.aa*s.bb))
		}
	}
	if len(scores) < fewest {
		return -1
	}
	slices.Sort(scores)
	return scores[int(worst*float64(len(scores)))]
}

func sqrt(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// unknowns of register: shift and scale along x and y, gain and offset.
const unknowns = 6

// A system is that of the normal equations, upper triangle and right side.
type system [unknowns][unknowns + 1]float64

// add adds one equation, its right side last.
func (m *system) add(row [unknowns + 1]float64) {
	for r := range unknowns {
		for c := r; c <= unknowns; c++ {
			m[r][c] += row[r] * row[c]
		}
	}
}

// solve eliminates; ok is false where the equations say too little.
func (m *system) solve() (x [unknowns]float64, ok bool) {
	for r := range unknowns {
		for c := range r {
			m[r][c] = m[c][r]
		}
		m[r][r] *= 1 + 1e-9
	}
	for k := range unknowns {
		if !(m[k][k] > 1e-9) {
			return x, false
		}
		for r := k + 1; r < unknowns; r++ {
			f := m[r][k] / m[k][k]
			for c := k; c <= unknowns; c++ {
				m[r][c] -= f * m[k][c]
			}
		}
	}
	for k := unknowns - 1; k >= 0; k-- {
		x[k] = m[k][unknowns]
		for c := k + 1; c < unknowns; c++ {
			x[k] -= m[k][c] * x[c]
		}
		x[k] /= m[k][k]
	}
	return x, true
}
