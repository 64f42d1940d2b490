package main

// initial is the points that every optimizer begins with.
const initial = 10

// lots is splitmix64, as in peers.py.
type lots uint64

func (l *lots) float() float64 {
	*l += 0x9E3779B97F4A7C15
	z := uint64(*l)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return float64((z^z>>31)>>11) / (1 << 53)
}

// design is a Latin hypercube of the initial points, from [0, 1).
func design(dims, seed int) [][]float64 {
	l := lots(seed*1000003 + 17)
	out := make([][]float64, initial)
	for i := range out {
		out[i] = make([]float64, dims)
	}
	for d := range dims {
		order := make([]int, initial)
		for i := range order {
			order[i] = i
		}
		for i := initial - 1; i > 0; i-- {
			j := int(l.float() * float64(i+1))
			order[i], order[j] = order[j], order[i]
		}
		for i := range out {
			out[i][d] = (float64(order[i]) + l.float()) / initial
		}
	}
	return out
}
