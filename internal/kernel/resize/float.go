package resize

import "fmt"

// ToFloat writes (x − mean) / std for each byte of packed RGB pixels into dst
// (NHWC, as long as pix). Mean and std are those of red, green and blue, in
// units of 0–255; with bgr the channels are written as blue, green, red.
func ToFloat(dst []float32, pix []uint8, mean, std [3]float32, bgr bool) {
	if len(dst) != len(pix) || len(pix)%3 != 0 {
		panic(fmt.Sprintf("resize: %d floats for %d bytes", len(dst), len(pix)))
	}
	var table [3][256]float32
	for c := range table {
		for v := range table[c] {
			table[c][v] = (float32(v) - mean[c]) / std[c]
		}
	}
	r, b := 0, 2
	if bgr {
		r, b = 2, 0
	}
	for len(pix) >= 3 && len(dst) >= 3 {
		dst[r] = table[0][pix[0]]
		dst[1] = table[1][pix[1]]
		dst[b] = table[2][pix[2]]
		pix, dst = pix[3:], dst[3:]
	}
}
