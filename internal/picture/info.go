package picture

import "bytes"

// Info is what a picture file's headers tell.
type Info struct {
	Format      string // jpeg, png, gif, bmp, tiff or webp
	W, H        int    // as stored, before it is turned upright
	Orientation int    // of EXIF, 1 to 8; 1 is upright
	// Profile is the description of the ICC colour profile, as "Display P3", "unnamed" where
	// it has none, and "" without a profile. Decode does not convert colours.
	Profile string
}

// Inspect reads the headers that Decode would heed. Every error is an *Error.
func Inspect(data []byte, l Limits) (info Info, err error) {
	f, err := formatOf(data)
	if err != nil {
		return Info{}, err
	}
	defer recoverAs(&err, f.name)
	if _, err := f.checkSizes(data, l); err != nil {
		return Info{}, err
	}
	c, err := f.config(bytes.NewReader(data))
	if err != nil {
		return Info{}, &Error{Reason: Damaged, Format: f.name, Err: err}
	}
	return Info{f.name, c.Width, c.Height, f.orientation(data), f.profile(data)}, nil
}
