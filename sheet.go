package argus

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

// A tile is a picture of a contact sheet and the lines below it.
type tile struct {
	path  string
	lines []string
}

const (
	tileSide  = 160 // pixels
	tileGap   = 8
	lineStep  = 14
	tileLines = 2
	tileCols  = 6
)

// contactSheet draws tiles in rows of six. A picture that cannot be read leaves
// its place empty. Letters other than ASCII show as a box.
func contactSheet(ctx context.Context, data Dataset, tiles []tile) (*image.RGBA, error) {
	samples := map[string]Sample{}
	for _, s := range data.samples {
		samples[s.Path] = s
	}
	for _, t := range tiles {
		if _, ok := samples[t.path]; !ok {
			return nil, fmt.Errorf("dataset %s has no picture %q", data.name, t.path)
		}
	}
	width, height := tileSide+tileGap, tileSide+tileGap+tileLines*lineStep
	rows := (len(tiles) + tileCols - 1) / tileCols
	sheet := image.NewRGBA(image.Rect(0, 0, tileGap+width*min(tileCols, max(1, len(tiles))), tileGap+height*max(1, rows)))
	draw.Draw(sheet, sheet.Rect, image.White, image.Point{}, draw.Src)
	var workers sync.WaitGroup
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(tiles) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				at := image.Pt(tileGap+i%tileCols*width, tileGap+i/tileCols*height)
				tiles[i].draw(sheet.SubImage(image.Rectangle{at, at.Add(image.Pt(tileSide, height))}).(*image.RGBA), samples[tiles[i].path])
			}
		})
	}
	workers.Wait()
	return sheet, ctx.Err()
}

// draw fills the place of a tile.
func (t tile) draw(place *image.RGBA, s Sample) {
	at := place.Rect.Min
	square := image.Rectangle{at, at.Add(image.Pt(tileSide, tileSide))}
	draw.Draw(place, square, image.NewUniform(color.Gray{0xee}), image.Point{}, draw.Src)
	if small := t.picture(s); small != nil {
		inside := small.Rect.Add(at).Add(image.Pt((tileSide-small.Rect.Dx())/2, (tileSide-small.Rect.Dy())/2))
		draw.Draw(place, inside, small, image.Point{}, draw.Src)
	}
	pen := font.Drawer{Dst: place, Src: image.Black, Face: basicfont.Face7x13}
	for k, line := range t.lines {
		runes := []rune(line)
		pen.Dot = fixed.P(at.X, square.Max.Y+(k+1)*lineStep-2)
		pen.DrawString(string(runes[:min(len(runes), tileSide/7)]))
	}
}

// picture is the tile's, no longer than its side, or nil.
func (t tile) picture(s Sample) *image.RGBA {
	data, err := s.bytes(Limits{})
	if err != nil {
		return nil
	}
	m, err := picture.Decode(data, Limits{})
	if err != nil {
		return nil
	}
	w, h := Preprocess{Size: tileSide}.inside(m.W, m.H)
	small := make([]uint8, 3*w*h)
	resize.RGB(resize.Image{Pix: small, W: w, H: h, Stride: 3 * w}, resize.Image{Pix: m.Pix, W: m.W, H: m.H, Stride: 3 * m.W}, resize.Bilinear)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(out.Pix[4*i:], small[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	return out
}
