package pool

// portable is the definition of every loop.
var portable = kernels{
	max: func(x []float32, rows, cols, row, ld int, y []float32) {
		copy(y, x[:len(y)])
		for r := range rows {
			for q := range cols {
				for c, v := range x[r*row+q*ld:][:len(y)] {
					if v > y[c] || v != v {
						y[c] = v
					}
				}
			}
		}
	},
	avg: func(x []float32, rows, cols, row, ld int, y []float32) {
		clear(y)
		for r := range rows {
			for q := range cols {
				for c, v := range x[r*row+q*ld:][:len(y)] {
					y[c] += v
				}
			}
		}
		for c := range y {
			y[c] /= float32(rows * cols)
		}
	},
	maxBack: func(x, dx []float32, rows, cols, row, ld int, y, dy []float32) {
		var left [group]float32
		copy(left[:], dy)
		for r := range rows {
			for q := range cols {
				at := r*row + q*ld
				d := dx[at:][:len(y)]
				for c, v := range x[at:][:len(y)] {
					if v == y[c] || v != v {
						d[c] += left[c]
						left[c] = 0
					}
				}
			}
		}
	},
	spread: func(dy, dx []float32, rows, cols, row, ld int) {
		share := float32(rows * cols)
		for r := range rows {
			for q := range cols {
				d := dx[r*row+q*ld:][:len(dy)]
				for c, v := range dy {
					d[c] += v / share
				}
			}
		}
	},
}
