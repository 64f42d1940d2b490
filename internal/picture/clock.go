package picture

import (
	"bytes"
	"errors"
	"time"
)

var errLate = errors.New("out of time")

// A clocked is a file in memory that can be read until a moment: decoders cannot be
// interrupted, but stop where their reader fails. What takes them long for its
// size, many scans or tiles, they read as they go; what they read at once takes no
// longer than its pixels do.
type clocked struct {
	r    *bytes.Reader
	end  time.Time
	late bool // someone was turned away
}

// Read hands out little at a time: a kilobyte of a JPEG may be ten scans of a big picture.
func (c *clocked) Read(b []byte) (int, error) {
	if err := c.look(); err != nil {
		return 0, err
	}
	return c.r.Read(b[:min(len(b), 1<<10)])
}

// ReadAt is what TIFF is read by.
func (c *clocked) ReadAt(b []byte, at int64) (int, error) {
	if err := c.look(); err != nil {
		return 0, err
	}
	return c.r.ReadAt(b, at)
}

func (c *clocked) look() error {
	if !time.Now().Before(c.end) {
		c.late = true
		return errLate
	}
	return nil
}

// decodeUntil calls the decoder, which has until end.
func (f *format) decodeUntil(end time.Time, data []byte, l Limits) (*RGB, error) {
	if f.name == "jpeg" {
		if rgb, err := jpegAt(data, 1, end, l); rgb != nil || err != nil {
			return rgb, err
		}
	}
	r := &clocked{r: bytes.NewReader(data), end: end}
	img, err := f.decode(r)
	switch {
	case r.late:
		return nil, tooSlow(f.name, l)
	case err != nil:
		return nil, &Error{Reason: Damaged, Format: f.name, Err: err}
	}
	return fromImage(img, f.name, l)
}
