package argus

import (
	"context"
	"crypto/sha256"
	"fmt"
	"image/png"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/argus-go/argus/internal/atomicfile"
	"github.com/argus-go/argus/internal/picture"
)

const maxViews = 1000

// augment makes x take the views of training pictures that stay the same, too.
func (f *fit) augment(x *extractor) {
	o := f.options
	all := []int{0}
	for view := 1; view <= o.Views; view++ {
		all = append(all, view)
	}
	x.reader.Augment = o.Augment
	x.reader.Views = func(s Sample) []int {
		if s.Split == TrainSplit {
			return all
		}
		return all[:1]
	}
	f.saveViews(x)
}

// draw gives the rows of kept's training pictures as an epoch draws them: as
// many, in the same order.
func (f *fit) draw(ctx context.Context, r *runner, kept rows, epoch int) (rows, error) {
	x := f.c.newExtractor(r, f.prep, f.options.Limits)
	x.strict = true // they could be read before
	x.reader.Augment = f.options.Augment
	x.reader.Views = func(Sample) []int { return []int{epoch} }
	f.saveViews(x)
	return x.run(ctx, kept.part(TrainSplit).samples)
}

func (f *fit) saveViews(x *extractor) {
	if dir := f.options.SaveViews; dir != "" {
		x.reader.Made = func(s Sample, square []uint8) error {
			return saveView(dir, f.c.classes[s.Label], s, square, f.prep.Size)
		}
	}
}

// saveView writes a view as dir/class/picture-version.png. What would lead
// outside of dir in the class's or picture's name is replaced; a digest of the
// path keeps names apart.
func saveView(dir, class string, s Sample, square []uint8, size int) error {
	folder := filepath.Join(dir, fileName(class))
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	stem := strings.TrimSuffix(path.Base(s.Path), path.Ext(s.Path))
	sum := sha256.Sum256([]byte(s.Path))
	name := fmt.Sprintf("%.100s-%x-%d.png", fileName(stem), sum[:4], s.view)
	return atomicfile.Write(filepath.Join(folder, name), 0o666, func(w io.Writer) error {
		return png.Encode(w, (&picture.RGB{W: size, H: size, Pix: square}).RGBA())
	})
}

// fileName makes one name of a path: letters, digits and a few more stay.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.TrimLeft(s, "."))
}
