package clean

// thumbSide×thumbSide grey values are what pictures are compared by.
const thumbSide = 64

// An imprint is what near duplicates are found by: the picture without a border of
// one colour, stretched to a small grey square, and hashes of parts of it.
type imprint struct {
	thumb  *[thumbSide * thumbSide]uint8 // nil where memory was short
	hashes [len(parts) * 2]hash          // of each part, upright and mirrored
}

// parts are the parts of a picture that may be all of another: after a crop of
// 5 %, of the whole or of each side, in the middle or in a corner. They are in
// fractions of the sides; the first is the whole.
var parts = [...]box{
	{0, 0, 1, 1},
	{.025, .025, .975, .975}, {.05, .05, .95, .95},
	{.05, .05, 1, 1}, {0, .05, .95, 1}, {.05, 0, 1, .95}, {0, 0, .95, .95},
}

func imprintOf(p plane) *imprint {
	square := p.shrink(p.trimmed(), thumbSide, thumbSide)
	pr := &imprint{thumb: new([thumbSide * thumbSide]uint8)}
	for i, v := range square.v {
		pr.thumb[i] = uint8(v + .5)
	}
	for i, part := range parts {
		b := box{part.x0 * thumbSide, part.y0 * thumbSide, part.x1 * thumbSide, part.y1 * thumbSide}
		pr.hashes[2*i], pr.hashes[2*i+1] = square.hash(b)
	}
	return pr
}

// A hash is 64 signs, row by row from the highest bit: whether each of 8×9 grey
// values is darker than its right neighbour (the difference hash).
type hash uint64

const hashSide = 8

// hash is of part b of p, upright and mirrored.
func (p plane) hash(b box) (h, mirrored hash) {
	small := p.shrink(b, hashSide+1, hashSide)
	for y := range hashSide {
		row := small.row(y)
		for x := range hashSide {
			h <<= 1
			mirrored <<= 1
			if row[x+1] > row[x] {
				h |= 1
			}
			if row[hashSide-1-x] > row[hashSide-x] {
				mirrored |= 1
			}
		}
	}
	return h, mirrored
}
