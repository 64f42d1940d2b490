package augment

import (
	"cmp"
	"context"
	"fmt"
	"image"

	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

// PreviewOptions say how a contact sheet looks.
type PreviewOptions struct {
	Cols, Rows int // pictures across and down; default 4×4
	// Width of each picture, pixels; default 224. They keep the shape of the
	// original.
	Width int
	// First is the first version shown, an epoch.
	First int
}

// Preview draws a contact sheet: img itself, and then versions that a makes of it.
func (a Augmentor) Preview(ctx context.Context, img image.Image, o PreviewOptions) (*image.RGBA, error) {
	const gap, longest = 4, 4096
	cols, rows, width := cmp.Or(o.Cols, 4), cmp.Or(o.Rows, 4), cmp.Or(o.Width, 224)
	if err := within(bound{"cols", float64(cols), 1, 100}, bound{"rows", float64(rows), 1, 100}, bound{"width", float64(width), 1, longest}); err != nil {
		return nil, fmt.Errorf("augment: preview: %w", err)
	}
	p, err := picture.FromImage(img, picture.Limits{})
	if err != nil {
		return nil, fmt.Errorf("augment: preview: %w", err)
	}
	height := min(max(1, p.H*width/p.W), longest)
	p = sized(p, width, height)
	sheet := picture.Blank(gap+cols*(width+gap), gap+rows*(height+gap))
	for i := range sheet.Pix {
		sheet.Pix[i] = 255
	}
	for i := range cols * rows {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("augment: preview: %w", err)
		}
		q := p
		if i > 0 {
			if q, err = a.ApplyRGB(p, Key{Epoch: o.First + i - 1}); err != nil {
				return nil, err
			}
		}
		q = sized(q, width, height) // Resize or a user's function may have changed it
		x, y := gap+i%cols*(width+gap), gap+i/cols*(height+gap)
		for row := range height {
			copy(sheet.Pix[3*((y+row)*sheet.W+x):], q.Pix[3*row*width:][:3*width])
		}
	}
	return sheet.RGBA(), nil
}

// sized is p, w×h pixels big.
func sized(p *RGB, w, h int) *RGB {
	if p.W == w && p.H == h {
		return p
	}
	out := picture.Blank(w, h)
	resize.RGB(resize.Image{Pix: out.Pix, W: w, H: h, Stride: 3 * w}, resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}, resize.Bilinear)
	return out
}
