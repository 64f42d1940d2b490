package picture

import (
	"errors"
	"fmt"
	"time"

	"github.com/argus-go/argus/internal/jpegscale"
)

// jpegAt decodes a JPEG at 1/d of its size. It is nil without an error where the
// standard library is to decode it, whole: it says what is wrong with a file, and
// decodes what is rare.
func jpegAt(data []byte, d int, end time.Time, l Limits) (*RGB, error) {
	if d == 1 && !jpegscale.LikeLibrary() {
		return nil, nil // an image.Image must have the pixels of its file
	}
	pix, w, h, err := jpegscale.Decode(data, d, func() bool { return !time.Now().Before(end) }, pixels)
	switch {
	case errors.Is(err, jpegscale.ErrLate):
		return nil, tooSlow("jpeg", l)
	case err != nil:
		return nil, nil
	}
	return &RGB{W: w, H: h, Pix: pix}, nil
}

func tooSlow(format string, l Limits) *Error {
	return &Error{Reason: TooSlow, Format: format, Err: fmt.Errorf("takes longer than the limit of %v", l.time())}
}
