package tfrecord

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image/color"
	"image/jpeg"
	"io/fs"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/jpeg444"
	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

// Limits says how big a file and a picture may be before they are refused.
type Limits = picture.Limits

// Names of the features that WriteImages writes.
const (
	ImageFeature  = "image"  // bytes: a JPEG file
	LabelFeature  = "label"  // int64: index into the classes
	ClassFeature  = "class"  // bytes: the name of the class
	PathFeature   = "path"   // bytes: where the picture was, in the dataset
	WidthFeature  = "width"  // int64: pixels
	HeightFeature = "height" // int64: pixels
)

var errNoFile = errors.New("is not a regular file")

// readImage reads a picture file whole.
func readImage(open func() (fs.File, error), l Limits) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %v", errNoFile, info.Mode())
	}
	if err := l.CheckBytes(info.Size()); err != nil {
		return nil, err
	}
	return picture.Read(f, l)
}

// asJPEG returns a picture file, or view number of it, as the JPEG that goes
// into a record, and its size: the file itself where it can stay as it is. It has been decoded
// either way, so that no broken picture gets in.
func asJPEG(data []byte, number int, o ImageOptions) (out []byte, w, h int, err error) {
	rgb, err := picture.Decode(data, o.Limits)
	if err != nil {
		return nil, 0, 0, err
	}
	if number > 0 {
		key := augment.Key{Content: sha256.Sum256(data), Epoch: number}
		if rgb, err = o.Augment.ApplyRGB(rgb, key); err != nil {
			return nil, 0, 0, err
		}
	} else if o.fits(rgb.W, rgb.H) && isPlainJPEG(data, o.Limits) {
		return data, rgb.W, rgb.H, nil
	}
	if !o.fits(rgb.W, rgb.H) {
		rgb = squared(rgb, o.Size)
	}
	if max(rgb.W, rgb.H) > jpeg444.MaxSide {
		return nil, 0, 0, fmt.Errorf("is %d×%d pixels, a JPEG has sides up to %d", rgb.W, rgb.H, jpeg444.MaxSide)
	}
	return jpeg444.Append(nil, rgb.Pix, rgb.W, rgb.H), rgb.W, rgb.H, nil
}

// fits says whether w×h is a size that is wanted.
func (o ImageOptions) fits(w, h int) bool { return o.Size == 0 || w == o.Size && h == o.Size }

// squared scales the whole picture to a square, whatever its shape.
func squared(p *picture.RGB, size int) *picture.RGB {
	out := &picture.RGB{W: size, H: size, Pix: make([]uint8, 3*size*size)}
	resize.RGB(
		resize.Image{Pix: out.Pix, W: size, H: size, Stride: 3 * size},
		resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}, resize.Bilinear)
	return out
}

// isPlainJPEG tells a JPEG that every reader of records shows alike:
// tf.io.decode_jpeg does not heed EXIF orientation, nor CMYK.
func isPlainJPEG(data []byte, l Limits) bool {
	info, err := picture.Inspect(data, l)
	if err != nil || info.Format != "jpeg" || info.Orientation != 1 {
		return false
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	return err == nil && (c.ColorModel == color.YCbCrModel || c.ColorModel == color.GrayModel)
}
