// Package picture turns files, readers and image.Image values into upright
// 8-bit RGB, one way for all of them, and refuses what is too big before
// decoding it.
package picture

import (
	"bytes"
	"cmp"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"time"
)

// RGB is a picture: H rows of W pixels of three bytes (red, green, blue),
// without gaps.
type RGB struct {
	W, H int
	Pix  []uint8

	box [4]float64 // see Box; zero where it is all of it
}

// Box is the part of p that the picture fills: left, top, right and bottom. A JPEG of odd
// sides that was decoded at a half ends within the last pixels.
func (p *RGB) Box() [4]float64 {
	if p.box == [4]float64{} {
		return [4]float64{2: float64(p.W), 3: float64(p.H)}
	}
	return p.box
}

// RGBA copies the picture to one of the standard library.
func (p *RGB) RGBA() *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, p.W, p.H))
	src, dst := p.Pix, m.Pix
	for len(src) >= 3 && len(dst) >= 4 {
		dst[0], dst[1], dst[2], dst[3] = src[0], src[1], src[2], 255
		src, dst = src[3:], dst[4:]
	}
	return m
}

// Limits says how big a picture may be, and how long it may take. Zero fields mean
// the defaults.
type Limits struct {
	// Bytes is the longest file that is read: 100,000,000 by default.
	Bytes int64 `json:"bytes,omitempty"`
	// Pixels is the most pixels (width × height) that are decoded:
	// 100,000,000 by default.
	Pixels int `json:"pixels,omitempty"`
	// Time is the longest that the decoding of one picture may take, by the clock: 30
	// seconds by default, which no honest one comes near. It ends files that are
	// made to take hours, a little late.
	Time time.Duration `json:"time,omitempty"`
}

func (l Limits) time() time.Duration { return cmp.Or(l.Time, 30*time.Second) }

func (l Limits) bytes() int64 {
	if l.Bytes == 0 {
		return 100_000_000
	}
	return l.Bytes
}

// MaxPixels is Pixels or its default.
func (l Limits) MaxPixels() int {
	if l.Pixels == 0 {
		return 100_000_000
	}
	return l.Pixels
}

// CheckBytes returns an *Error if n bytes are more than l allows.
func (l Limits) CheckBytes(n int64) error {
	if n <= l.bytes() {
		return nil
	}
	return &Error{Reason: TooManyBytes, Err: fmt.Errorf("file has %d, limit is %d", n, l.bytes())}
}

// checkPixels returns an *Error unless w×h pixels are at least one and no more
// than l allows. It divides, as the product may overflow.
func (l Limits) checkPixels(format string, w, h int) error {
	if w <= 0 || h <= 0 {
		return &Error{Reason: Damaged, Format: format, Err: fmt.Errorf("size is %d×%d", w, h)}
	}
	if w <= l.MaxPixels()/h {
		return nil
	}
	return &Error{Reason: TooManyPixels, Format: format, Err: fmt.Errorf("size is %d×%d, limit is %d pixels", w, h, l.MaxPixels())}
}

// Reason classes an Error.
type Reason string

// The reasons why a picture cannot be used.
const (
	TooManyBytes  Reason = "too many bytes"
	TooManyPixels Reason = "too many pixels"
	TooSlow       Reason = "too slow"
	NotAPicture   Reason = "not a picture"
	Damaged       Reason = "damaged"
)

// Error says why a picture cannot be used. Format is "" where it is not known.
type Error struct {
	Reason Reason
	Format string
	Err    error
}

func (e *Error) Error() string {
	if e.Format == "" {
		return fmt.Sprintf("%s: %v", e.Reason, e.Err)
	}
	return fmt.Sprintf("%s: %s: %v", e.Reason, e.Format, e.Err)
}

// Unwrap returns the decoder's own error.
func (e *Error) Unwrap() error { return e.Err }

// Read returns all of r, or an *Error once it is longer than l allows.
func Read(r io.Reader, l Limits) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, l.bytes()+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > l.bytes() {
		return nil, &Error{Reason: TooManyBytes, Err: fmt.Errorf("input has more than the limit of %d", l.bytes())}
	}
	return data, nil
}

// Decode decodes a whole JPEG, PNG, GIF, BMP, TIFF or WebP file, told apart by
// content: the first frame of a GIF or PNG of several, the first page of a TIFF; an
// animated WebP is Damaged. Alpha is laid over white, 16-bit channels keep
// their high byte, and EXIF orientation is applied; colours are as they are stored, whatever
// profile (see Inspect) goes with them. Apart from orientation the
// pixels are those of FromImage(image.Decode(data)), whether the standard library
// decoded them or not. Every error is an *Error.
func Decode(data []byte, l Limits) (rgb *RGB, err error) {
	return decode(data, l, time.Now().Add(l.time()))
}

func decode(data []byte, l Limits, end time.Time) (rgb *RGB, err error) {
	if err := l.CheckBytes(int64(len(data))); err != nil {
		return nil, err
	}
	f, err := formatOf(data)
	if err != nil {
		return nil, err
	}
	defer recoverAs(&err, f.name)
	if _, err := f.checkSizes(data, l); err != nil {
		return nil, err
	}
	if rgb, err = f.decodeUntil(end, data, l); err != nil {
		return nil, err
	}
	return rgb.turned(f.orientation(data)), nil
}

// DecodeAtLeast is Decode, but a JPEG whose sides are 4.4 times those wanted or more may
// come back at a half, a quarter or an eighth of its size, still 2.2 times as big as w×h
// or more. Scaled to w×h, its Box that is, it then differs from the whole picture by less
// than one level in the mean.
func DecodeAtLeast(data []byte, w, h int, l Limits) (*RGB, error) {
	end := time.Now().Add(l.time())
	if p, err := scaled(data, w, h, l, end); p != nil || err != nil {
		return p, err
	}
	return decode(data, l, end)
}

// scaled is nil without an error where data is to be decoded whole.
func scaled(data []byte, w, h int, l Limits, end time.Time) (rgb *RGB, err error) {
	f, err := formatOf(data)
	if err != nil || f.name != "jpeg" || l.CheckBytes(int64(len(data))) != nil {
		return nil, nil // errors are Decode's to find
	}
	defer recoverAs(&err, f.name)
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || l.checkPixels(f.name, c.Width, c.Height) != nil {
		return nil, nil
	}
	o := f.orientation(data)
	if o >= 5 {
		w, h = h, w
	}
	d := 8
	for d > 1 && (5*c.Width < 11*d*w || 5*c.Height < 11*d*h) {
		d /= 2
	}
	if d == 1 {
		return nil, nil
	}
	if rgb, err = jpegAt(data, d, end, l); rgb == nil {
		return nil, err
	}
	rgb = rgb.turned(o)
	rgb.box = scaledBox(rgb, c.Width, c.Height, d, o)
	return rgb, nil
}

// scaledBox is where a picture of w×h pixels ends in rgb, which is 1/d of it and was
// turned.
func scaledBox(rgb *RGB, w, h, d, orientation int) [4]float64 {
	across, down := float64(w)/float64(d), float64(h)/float64(d)
	if orientation >= 5 {
		across, down = down, across
	}
	box := [4]float64{0, 0, across, down}
	switch orientation {
	case 2, 3, 6, 7: // right was left
		box[0], box[2] = float64(rgb.W)-across, float64(rgb.W)
	}
	switch orientation {
	case 3, 4, 7, 8:
		box[1], box[3] = float64(rgb.H)-down, float64(rgb.H)
	}
	return box
}

// Pixels returns how many pixels Decode would decode, from the header alone, or
// the error that Decode would give for it.
func Pixels(data []byte, l Limits) (n int, err error) {
	f, err := formatOf(data)
	if err != nil {
		return 0, err
	}
	defer recoverAs(&err, f.name)
	return f.checkSizes(data, l)
}

// FromImage copies img, laying alpha over white. The result shares no memory
// with img. Every error is an *Error.
func FromImage(img image.Image, l Limits) (rgb *RGB, err error) {
	if img == nil {
		return nil, &Error{Reason: NotAPicture, Err: fmt.Errorf("image is nil")}
	}
	defer recoverAs(&err, "image")
	return fromImage(img, "image", l)
}

// recoverAs turns a panic (in a decoder, or in an image whose fields do not fit
// together) into an *Error.
func recoverAs(err *error, format string) {
	if p := recover(); p != nil {
		*err = &Error{Reason: Damaged, Format: format, Err: fmt.Errorf("decoder panicked: %v", p)}
	}
}
