package argus

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
)

// framed is a w×h picture of one grey level.
func framed(w, h int, level uint8) *picture.RGB {
	p := &picture.RGB{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for i := range p.Pix {
		p.Pix[i] = level
	}
	return p
}

func squareOf(p Preprocess, img *picture.RGB) []uint8 {
	dst := make([]uint8, p.squareLen())
	p.square(dst, img)
	return dst
}

func TestZeroPreprocessIsTheNetworks(t *testing.T) {
	network := Preprocess{Size: 224, Mean: [3]float32{1, 2, 3}, Std: [3]float32{4, 5, 6}, BGR: true}
	p, err := Preprocess{}.completed(network)
	require.NoError(t, err)
	require.Equal(t, network, p)
	p, err = Preprocess{Size: 96, Fit: Crop, Std: [3]float32{1, 1, 1}}.completed(network)
	require.NoError(t, err)
	require.Equal(t, Preprocess{Size: 96, Fit: Crop, CropFraction: .75, Std: [3]float32{1, 1, 1}}, p)
}

func TestPreprocessThatCannotWorkIsAnError(t *testing.T) {
	ok := Preprocess{Size: 8, Std: [3]float32{1, 1, 1}}
	for want, change := range map[string]func(*Preprocess){
		"size is -1":           func(p *Preprocess) { p.Size = -1 },
		"size is 100000":       func(p *Preprocess) { p.Size = 100000 },
		"fit is 3":             func(p *Preprocess) { p.Fit = 3 },
		"filter is 2":          func(p *Preprocess) { p.Filter = 2 },
		"crop fraction is 1.5": func(p *Preprocess) { p.Fit, p.CropFraction = Crop, 1.5 },
		"crop fraction is NaN": func(p *Preprocess) { p.Fit, p.CropFraction = Crop, math.NaN() },
		"std 0":                func(p *Preprocess) { p.Std[1] = 0 },
		"mean NaN":             func(p *Preprocess) { p.Mean[2] = float32(math.NaN()) },
	} {
		p := ok
		change(&p)
		_, err := p.completed(Preprocess{})
		require.ErrorContains(t, err, want)
	}
	_, err := Preprocess{}.completed(Preprocess{})
	require.ErrorContains(t, err, "size is 0")
}

func TestPreprocessComesBackFromJSON(t *testing.T) {
	p := Preprocess{Size: 224, Fit: Pad, Border: 127, Filter: Bicubic, Mean: [3]float32{127, 127, 127}, Std: [3]float32{128, 128, 128}, BGR: true}
	data, err := json.Marshal(p)
	require.NoError(t, err)
	require.JSONEq(t, `{"size":224,"fit":"pad","border":127,"filter":"bicubic","mean":[127,127,127],"std":[128,128,128],"bgr":true}`, string(data))
	var back Preprocess
	require.NoError(t, json.Unmarshal(data, &back))
	require.Equal(t, p, back)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"fit":"squash"}`), &back), `framing is "squash", want one of ["stretch" "crop" "pad"]`)
	require.ErrorContains(t, json.Unmarshal([]byte(`{"filter":""}`), &back), `filter is ""`)
	_, err = json.Marshal(Preprocess{Filter: 7})
	require.ErrorContains(t, err, "filter 7")
}

func TestStretchUsesTheWholePicture(t *testing.T) {
	img := framed(20, 10, 0)
	for y := range 10 {
		for x := 10; x < 20; x++ {
			copy(img.Pix[3*(20*y+x):], []uint8{255, 255, 255})
		}
	}
	got := squareOf(Preprocess{Size: 4}, img)
	require.Equal(t, []uint8{0, 255}, []uint8{got[0], got[3*3]})
	require.Equal(t, got[:12], got[36:])
}

func TestCropTakesTheCentredSquare(t *testing.T) {
	// Border 1 wide round an 8×8 square, which a fraction of .8 of 10 keeps.
	img := framed(30, 10, 9)
	for y := 1; y < 9; y++ {
		for x := 11; x < 19; x++ {
			copy(img.Pix[3*(30*y+x):], []uint8{200, 200, 200})
		}
	}
	got := squareOf(Preprocess{Size: 8, Fit: Crop, CropFraction: .8}, img)
	require.Equal(t, framed(8, 8, 200).Pix, got)
	tiny := squareOf(Preprocess{Size: 8, Fit: Crop, CropFraction: .1}, framed(1, 3, 5))
	require.Equal(t, framed(8, 8, 5).Pix, tiny)
}

func TestPadKeepsTheShapeAndFillsTheRest(t *testing.T) {
	for _, c := range []struct{ w, h, left, top, right, bottom int }{
		{40, 20, 0, 2, 8, 6}, {20, 40, 2, 0, 6, 8}, {7, 7, 0, 0, 8, 8}, {1000, 1, 0, 3, 8, 4},
	} {
		got := squareOf(Preprocess{Size: 8, Fit: Pad, Border: 77}, framed(c.w, c.h, 200))
		for i, v := range got {
			x, y := i/3%8, i/24
			want := uint8(77)
			if x >= c.left && x < c.right && y >= c.top && y < c.bottom {
				want = 200
			}
			require.Equal(t, want, v, "%d×%d at (%d,%d)", c.w, c.h, x, y)
		}
	}
}

func TestFloatsAreNormalisedPixels(t *testing.T) {
	p := Preprocess{Size: 1, Mean: [3]float32{127, 0, 1}, Std: [3]float32{128, 1, 2}}
	dst := make([]float32, 3)
	p.floats(dst, []uint8{255, 10, 0})
	require.Equal(t, []float32{1, 10, -.5}, dst)
	p.BGR = true
	p.floats(dst, []uint8{255, 10, 0})
	require.Equal(t, []float32{-.5, 10, 1}, dst)
}

func TestFastJPEGIsNearTheWholePictureAndTheSameInFitAndPredict(t *testing.T) {
	data, err := os.ReadFile(shared.Path(t, "data/photos/rocket.jpg")) // 640×427
	require.NoError(t, err)
	whole := Preprocess{Size: 64, Mean: [3]float32{0, 0, 0}, Std: [3]float32{1, 1, 1}}
	for _, fit := range []Framing{Stretch, Crop, Pad} {
		whole.Fit, whole.CropFraction = fit, .75
		fast := whole
		fast.FastJPEG = true
		squares := [2][]uint8{}
		for i, p := range []Preprocess{whole, fast} {
			img, err := p.decode(data, Limits{})
			require.NoError(t, err)
			squares[i] = make([]uint8, p.squareLen())
			p.square(squares[i], img)
		}
		sum := 0
		for i, v := range squares[0] {
			sum += max(int(v)-int(squares[1][i]), int(squares[1][i])-int(v))
		}
		mean := float64(sum) / float64(len(squares[0]))
		require.Positive(t, mean)
		require.Less(t, mean, 1.0, "%v", fit)

		got := readAll(t, &reader{Preprocess: fast, Threads: 1}, []Sample{{Path: "rocket.jpg", fsys: fstest.MapFS{"rocket.jpg": {Data: data}}}})
		require.Equal(t, squares[1], got[0].Views[0].Square)
	}
}
