package argus

import (
	"fmt"

	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/nn"
)

// Limits says how big a file and a picture may be before they are refused.
type Limits = picture.Limits

// Framing says which part of a picture becomes the network's square.
type Framing uint8

const (
	// Stretch resizes the whole picture, whatever its shape.
	Stretch Framing = iota
	// Crop takes the centred square of CropFraction of the shorter side.
	Crop
	// Pad resizes the whole picture in its shape and fills the rest of the
	// square with the grey level Border.
	Pad
)

// Filter is the resampling filter. Both are antialiased and equal Pillow's.
type Filter uint8

// The filters.
const (
	Bilinear Filter = iota
	Bicubic
)

var (
	framingNames = []string{"stretch", "crop", "pad"}
	filterNames  = []string{"bilinear", "bicubic"}
)

// String returns the name that stands in JSON.
func (f Framing) String() string { return nameOf(framingNames, int(f)) }

// MarshalText returns the name; it is an error for a value that has none.
func (f Framing) MarshalText() ([]byte, error) { return marshalName("framing", framingNames, int(f)) }

// UnmarshalText reads a name; an unknown one is an error.
func (f *Framing) UnmarshalText(b []byte) error {
	return unmarshalName((*uint8)(f), "framing", framingNames, b)
}

// String returns the name that stands in JSON.
func (f Filter) String() string { return nameOf(filterNames, int(f)) }

// MarshalText returns the name; it is an error for a value that has none.
func (f Filter) MarshalText() ([]byte, error) { return marshalName("filter", filterNames, int(f)) }

// UnmarshalText reads a name; an unknown one is an error.
func (f *Filter) UnmarshalText(b []byte) error {
	return unmarshalName((*uint8)(f), "filter", filterNames, b)
}

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprint(i)
}

func marshalName(what string, names []string, i int) ([]byte, error) {
	if i >= len(names) {
		return nil, fmt.Errorf("argus: %s %d: want 0 to %d", what, i, len(names)-1)
	}
	return []byte(names[i]), nil
}

func unmarshalName(to *uint8, what string, names []string, b []byte) error {
	for i, name := range names {
		if name == string(b) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("argus: %s is %q, want one of %q", what, b, names)
}

// Preprocess says how a picture becomes the network's input, Size×Size×3
// float32 in NHWC: (x − Mean) / Std of each channel, x from 0 to 255.
// Fields left zero are taken from the network.
type Preprocess struct {
	Size int     `json:"size,omitempty"` // side of the network's square, pixels
	Fit  Framing `json:"fit"`
	// CropFraction is for Crop: the part of the shorter side that is kept,
	// above 0 to 1. Default size/(size+32), as ImageNet is evaluated
	// (google/automl, efficientnet preprocessing).
	CropFraction float64 `json:"crop_fraction,omitempty"`
	Border       uint8   `json:"border,omitempty"` // for Pad; 0 is black
	Filter       Filter  `json:"filter"`
	// FastJPEG lets JPEG files whose sides are 4.4 times the square's or more be decoded
	// at a half, a quarter or an eighth of their size, which takes a third to a half less
	// time. The square then differs by less than one level in the mean from that of
	// the whole picture, and so from that of an image.Image given to Predict.
	FastJPEG bool `json:"fast_jpeg,omitempty"`
	// Mean and Std are of red, green and blue. A zero Std takes Mean, Std and
	// BGR from the network.
	Mean [3]float32 `json:"mean"`
	Std  [3]float32 `json:"std"`
	BGR  bool       `json:"bgr,omitempty"` // channels written blue first
}

// completed fills what is left zero from the network's own preprocessing and
// checks the result.
func (p Preprocess) completed(network Preprocess) (Preprocess, error) {
	if p.Size == 0 {
		p.Size = network.Size
	}
	if p.Std == [3]float32{} {
		p.Mean, p.Std, p.BGR = network.Mean, network.Std, network.BGR
	}
	if p.Fit == Crop && p.CropFraction == 0 {
		p.CropFraction = float64(p.Size) / float64(p.Size+32)
	}
	return p, p.check()
}

func (p Preprocess) check() error {
	const maxSize = 1 << 14
	switch {
	case p.Size < 1 || p.Size > maxSize:
		return fmt.Errorf("preprocess: size is %d, want 1 to %d", p.Size, maxSize)
	case int(p.Fit) >= len(framingNames):
		return fmt.Errorf("preprocess: fit is %d, want 0 to %d", p.Fit, len(framingNames)-1)
	case int(p.Filter) >= len(filterNames):
		return fmt.Errorf("preprocess: filter is %d, want 0 to %d", p.Filter, len(filterNames)-1)
	case p.Fit == Crop && !(p.CropFraction > 0 && p.CropFraction <= 1):
		return fmt.Errorf("preprocess: crop fraction is %v, want above 0 to 1", p.CropFraction)
	}
	for c := range 3 {
		if !(p.Std[c] > 0 && p.Std[c] < 1e9) || !(p.Mean[c] > -1e9 && p.Mean[c] < 1e9) {
			return fmt.Errorf("preprocess: channel %d has mean %v and std %v, want finite ones and std above 0", c, p.Mean[c], p.Std[c])
		}
	}
	return nil
}

// shape is that of the network's input.
func (p Preprocess) shape() nn.Shape { return nn.Shape{H: p.Size, W: p.Size, C: 3} }

// squareLen is the length of a square in bytes and of an input in floats.
func (p Preprocess) squareLen() int { return 3 * p.Size * p.Size }

// square writes the network's square of img into dst: Size×Size RGB bytes.
func (p Preprocess) square(dst []uint8, img *picture.RGB) {
	src := resize.Image{Pix: img.Pix, W: img.W, H: img.H, Stride: 3 * img.W}
	to := resize.Image{Pix: dst, W: p.Size, H: p.Size, Stride: 3 * p.Size}
	box := img.Box()
	wide, high := box[2]-box[0], box[3]-box[1]
	switch p.Fit {
	case Crop:
		if wide == float64(img.W) && high == float64(img.H) {
			side := max(1, int(p.CropFraction*float64(min(img.W, img.H))))
			src = src.Crop((img.W-side+1)/2, (img.H-side+1)/2, side, side)
			box = [4]float64{2: float64(side), 3: float64(side)}
			break
		}
		side := p.CropFraction * min(wide, high)
		left, top := box[0]+(wide-side)/2, box[1]+(high-side)/2
		box = [4]float64{left, top, left + side, top + side}
	case Pad:
		for i := range dst {
			dst[i] = p.Border
		}
		w, h := p.inside(int(8*wide), int(8*high)) // whole numbers, as JPEG's scale may be an eighth
		to = to.Crop((p.Size-w)/2, (p.Size-h)/2, w, h)
	}
	filters := [...]resize.Filter{Bilinear: resize.Bilinear, Bicubic: resize.Bicubic}
	resize.Part(to, src, box, filters[p.Filter])
}

// decode decodes a file, at the size that the square needs where that is enough.
func (p Preprocess) decode(data []byte, l Limits) (*picture.RGB, error) {
	if !p.FastJPEG {
		return picture.Decode(data, l)
	}
	side := p.Size
	if p.Fit == Crop {
		side = int(float64(side) / p.CropFraction)
	}
	return picture.DecodeAtLeast(data, side, side, l)
}

// inside returns the size of a w×h picture scaled to touch the square's sides.
func (p Preprocess) inside(w, h int) (int, int) {
	long := max(w, h)
	scaled := func(n int) int { return max(1, (n*p.Size+long/2)/long) }
	return scaled(w), scaled(h)
}

// floats writes the network's input for the pixels of one or more squares.
func (p Preprocess) floats(dst []float32, square []uint8) {
	resize.ToFloat(dst, square, p.Mean, p.Std, p.BGR)
}
