package winograd

// A grid is how a picture is cut into tiles, row by row.
type grid struct {
	rows, cols int
	group      int // tiles worked on at a time
	ys         []window
	xs         []window
	kinds      int     // of windows across
	offsets    [][]int // of a tile's pixels from its first, by kinds of windows; -1: outside
}

// A window is the pixels first … first+size-1 in one direction that a tile
// sees, of which some may lie outside.
type window struct {
	first int
	kind  int // those that have the same pixels inside are of one kind
}

// windows cuts out pixels into tiles of step.
func windows(out, step, size, before, in int) (list []window, inside [][2]int) {
	kinds := map[[2]int]int{}
	for at := 0; at < out; at += step {
		first := at - before
		span := [2]int{min(max(0, -first), size), max(0, min(size, in-first))}
		kind, ok := kinds[span]
		if !ok {
			kind = len(inside)
			kinds[span] = kind
			inside = append(inside, span)
		}
		list = append(list, window{first, kind})
	}
	return list, inside
}

func newGrid(s *Shape, f form) grid {
	down, rows := windows(s.OutH, f.down.out, f.down.size, s.Top, s.H)
	across, cols := windows(s.OutW, f.across.out, f.across.size, s.Left, s.W)
	g := grid{rows: len(down), cols: len(across), ys: down, xs: across}
	for _, r := range rows {
		for _, c := range cols {
			offs := make([]int, 0, f.points())
			for i := range f.down.size {
				for j := range f.across.size {
					if i < r[0] || i >= r[1] || j < c[0] || j >= c[1] {
						offs = append(offs, -1)
					} else {
						offs = append(offs, (i*s.W+j)*s.LdX)
					}
				}
			}
			g.offsets = append(g.offsets, offs)
		}
	}
	g.kinds = len(cols)
	g.group = groupOf(s, f)
	return g
}

// tileAt returns the picture, row and column of tile t.
func (g *grid) tileAt(t int) (b, row, col int) {
	return t / (g.rows * g.cols), t / g.cols % g.rows, t % g.cols
}

// place sets the pixels of x that tile number sees.
func (g *grid) place(s *Shape, t *tile, x []float32, number int) {
	b, row, col := g.tileAt(number)
	down, across := g.ys[row], g.xs[col]
	t.pix = x[b*s.H*s.W*s.LdX:]
	t.at = (down.first*s.W + across.first) * s.LdX
	t.offs = g.offsets[down.kind*g.kinds+across.kind]
}

// kind tells where a tile may have outputs beyond the picture's: 1 in the last
// row, 2 in the last column, or 3.
func (g *grid) kind(row, col int) (kind int) {
	if row == g.rows-1 {
		kind |= 1
	}
	if col == g.cols-1 {
		kind |= 2
	}
	return kind
}

// outputs writes where the outputs of a kind of tile are from its first, in rows and
// pixels that are so far apart; -1 for those beyond the picture.
func (g *grid) outputs(s *Shape, f form, kind, row, pixel int, offsets []int) {
	rows, cols := g.inside(s, f, kind)
	for p := range offsets {
		offsets[p] = -1
		if i, j := p/f.across.out, p%f.across.out; i < rows && j < cols {
			offsets[p] = i*row + j*pixel
		}
	}
}

// inside returns the rows and columns of a kind of tile that are in y.
func (g *grid) inside(s *Shape, f form, kind int) (rows, cols int) {
	rows, cols = f.down.out, f.across.out
	if kind&1 != 0 {
		rows = s.OutH - (g.rows-1)*rows
	}
	if kind&2 != 0 {
		cols = s.OutW - (g.cols-1)*cols
	}
	return rows, cols
}
