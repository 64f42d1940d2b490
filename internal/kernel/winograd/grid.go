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
