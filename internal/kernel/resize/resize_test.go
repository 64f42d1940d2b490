package resize

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/draw"
	_ "image/png"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

// golden is what tools/golden/resize.py wrote.
type golden struct {
	Crop  [4]int // left, top, right, bottom
	Cases []struct {
		Input  string
		In     [2]int
		InCRC  uint32 `json:"in_crc"`
		Out    [2]int
		Filter string
		Part   *[4]float64
		CRC    uint32
	}
}

func readGolden(t *testing.T) golden {
	data, err := os.ReadFile("testdata/pillow.json")
	require.NoError(t, err)
	var g golden
	require.NoError(t, json.Unmarshal(data, &g))
	require.NotEmpty(t, g.Cases)
	return g
}

// noise is the generator of resize.py.
func noise(w, h int) Image {
	m := newImage(w, h)
	state := uint32(w*1000003 + h)
	for i := range m.Pix {
		state = state*1664525 + 1013904223
		m.Pix[i] = uint8(state >> 24)
		if i/(3*w)%4 == 0 {
			m.Pix[i] = -(m.Pix[i] >> 7)
		}
	}
	return m
}

func newImage(w, h int) Image { return Image{make([]uint8, 3*w*h), w, h, 3 * w} }

func photo(t *testing.T, name string) Image {
	f, err := os.Open(shared.Path(t, "data/photos/"+name))
	require.NoError(t, err)
	defer f.Close()
	img, _, err := image.Decode(f)
	require.NoError(t, err)
	rgba := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(rgba, rgba.Rect, img, img.Bounds().Min, draw.Src)
	m := newImage(rgba.Rect.Dx(), rgba.Rect.Dy())
	for i := range m.Pix {
		m.Pix[i] = rgba.Pix[i/3*4+i%3]
	}
	return m
}

// crc is the checksum of the pixels without what lies between the rows.
func crc(m Image) uint32 {
	sum := uint32(0)
	for y := range m.H {
		sum = crc32.Update(sum, crc32.IEEETable, m.row(y))
	}
	return sum
}

func TestEqualsPillowBitForBit(t *testing.T) {
	g := readGolden(t)
	filters := map[string]Filter{"bilinear": Bilinear, "bicubic": Bicubic, "area": Area}
	for _, c := range g.Cases {
		t.Run(fmt.Sprintf("%s %v to %v %s %v", c.Input, c.In, c.Out, c.Filter, c.Part), func(t *testing.T) {
			src := Image{}
			if c.Input == "noise" {
				src = noise(c.In[0], c.In[1])
			} else {
				name, part, _ := strings.Cut(c.Input, " ")
				src = photo(t, name)
				if part == "crop" {
					src = src.Crop(g.Crop[0], g.Crop[1], g.Crop[2]-g.Crop[0], g.Crop[3]-g.Crop[1])
				}
			}
			require.Equal(t, c.In, [2]int{src.W, src.H})
			require.Equal(t, c.InCRC, crc(src), "the input differs already")
			f, ok := filters[c.Filter]
			require.True(t, ok)
			dst := newImage(c.Out[0], c.Out[1])
			if c.Part != nil {
				Part(dst, src, *c.Part, f)
			} else {
				RGB(dst, src, f)
			}
			require.Equal(t, c.CRC, crc(dst))
		})
	}
}

func TestWritesOnlyInsideItsDestination(t *testing.T) {
	for _, in := range [][2]int{{50, 40}, {20, 40}, {50, 30}, {20, 30}} {
		big := newImage(40, 50)
		for i := range big.Pix {
			big.Pix[i] = 7
		}
		part := big.Crop(5, 6, 20, 30)
		src := newImage(in[0], in[1])
		for i := range src.Pix {
			src.Pix[i] = 200
		}
		RGB(part, src, Bicubic)
		for y := range big.H {
			for x := range big.W {
				want := uint8(7)
				if x >= 5 && x < 25 && y >= 6 && y < 36 {
					want = 200
				}
				require.Equal(t, want, big.Pix[y*big.Stride+3*x], "(%d,%d)", x, y)
			}
		}
	}
}

func TestCallerBugsPanic(t *testing.T) {
	m := newImage(4, 4)
	require.Panics(t, func() { m.Crop(2, 0, 3, 1) })
	require.Panics(t, func() { RGB(m, Image{m.Pix, 5, 4, 15}, Bilinear) })
	require.Panics(t, func() { RGB(Image{}, m, Bilinear) })
	require.Panics(t, func() { Part(m, m, [4]float64{0, 0, 4.5, 4}, Bilinear) })
	require.Panics(t, func() { Part(m, m, [4]float64{2, 0, 2, 4}, Bilinear) })
	require.Panics(t, func() { ToFloat(make([]float32, 3), make([]uint8, 6), [3]float32{}, [3]float32{}, false) })
}

func TestToFloatEqualsItsDefinition(t *testing.T) {
	mean, std := [3]float32{123.68, 116.78, 103.94}, [3]float32{58.4, 57.1, 57.4}
	pix := noise(17, 16).Pix
	for _, bgr := range []bool{false, true} {
		got := make([]float32, len(pix))
		ToFloat(got, pix, mean, std, bgr)
		for i, v := range pix {
			c, to := i%3, i
			if bgr {
				to = i - c + 2 - c
			}
			require.Equal(t, math.Float32bits((float32(v)-mean[c])/std[c]), math.Float32bits(got[to]))
		}
	}
}

func BenchmarkRGB(b *testing.B) {
	for _, f := range []Filter{Bilinear, Bicubic} {
		for _, in := range [][2]int{{400, 533}, {4000, 3000}} {
			b.Run(fmt.Sprintf("filter%d/%dx%d", f, in[0], in[1]), func(b *testing.B) {
				src, dst := newImage(in[0], in[1]), newImage(224, 224)
				b.ReportAllocs()
				for b.Loop() {
					RGB(dst, src, f)
				}
			})
		}
	}
}
