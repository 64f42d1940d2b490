package clean

import (
	"fmt"
	"image"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"

	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
)

// spoilt makes a fault of one kind of a photograph.
var spoilt = map[Kind]func(t testing.TB, m *image.RGBA) (data []byte, ext string){
	Unreadable: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		data := asJPEG(t, m)
		return data[:len(data)/2], ".jpg"
	},
	WrongExtension: func(t testing.TB, m *image.RGBA) ([]byte, string) { return asJPEG(t, m), ".png" },
	Grey: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		return asJPEG(t, as(m, image.NewGray(m.Rect))), ".jpg"
	},
	Alpha: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		out := as(m, image.NewNRGBA(m.Rect))
		out.Pix[3] = 0
		return asPNG(t, out), ".png"
	},
	Deep: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		return asPNG(t, as(m, image.NewRGBA64(m.Rect))), ".png"
	},
	TooSmall: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		out := image.NewRGBA(image.Rect(0, 0, 45, 60))
		draw.CatmullRom.Scale(out, out.Rect, m, m.Rect, draw.Src, nil)
		return asJPEG(t, out), ".jpg"
	},
	OddAspect: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		return asJPEG(t, m.SubImage(image.Rect(0, m.Rect.Dy()/2-35, m.Rect.Dx(), m.Rect.Dy()/2+35))), ".jpg"
	},
	Dark: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		out := image.NewRGBA(m.Rect)
		for i, v := range m.Pix {
			out.Pix[i] = v / 6
			if i%4 == 3 {
				out.Pix[i] = 255
			}
		}
		return asJPEG(t, out), ".jpg"
	},
	Blurred: func(t testing.TB, m *image.RGBA) ([]byte, string) {
		small := image.NewRGBA(image.Rect(0, 0, m.Rect.Dx()/8, m.Rect.Dy()/8))
		draw.BiLinear.Scale(small, small.Rect, m, m.Rect, draw.Src, nil)
		out := image.NewRGBA(m.Rect)
		draw.CatmullRom.Scale(out, out.Rect, small, small.Rect, draw.Src, nil)
		return asJPEG(t, out), ".jpg"
	},
}

// Eight photographs are spoilt in each way, and all are found; of all others, and
// of what is wrong otherwise with these, there is no alarm in a hundred pictures.
func TestSpoiltPhotographsAreFoundAndFewOthersRaiseAnAlarm(t *testing.T) {
	const each = 8
	base := clothes(t)
	faults, pictures := report(base.seen, nil).Faults, 870
	for _, name := range []string{"photos", "materials"} {
		r := check(t, os.DirFS(shared.Path(t, "data/"+name)), Options{})
		pictures += len(r.Pictures)
		for _, f := range r.Faults {
			if f.Kind != Grey { // which the materials are
				faults = append(faults, f)
			}
		}
	}
	var val []seen
	for _, s := range base.seen {
		if s.Split == Val {
			val = append(val, s)
		}
	}
	fsys, i := fstest.MapFS{}, 0
	for kind, spoil := range spoilt {
		for range each {
			data, err := base.read(val[i*37%len(val)].Path)
			require.NoError(t, err)
			m, err := picture.Decode(data, Limits{})
			require.NoError(t, err)
			data, ext := spoil(t, rgbImage(m))
			fsys[fmt.Sprintf("%s/%d%s", slug(kind), i, ext)] = &fstest.MapFile{Data: data}
			i++
		}
	}
	found := 0
	for _, f := range check(t, fsys, Options{NoNear: true}).Faults {
		if strings.HasPrefix(f.Path, slug(f.Kind)+"/") {
			found++
		} else {
			faults = append(faults, f)
		}
	}
	for _, f := range faults {
		t.Logf("%s: %s, %s", f.Path, f.Kind, f.Detail)
	}
	t.Logf("%d of %d found; %d false alarms in %d pictures", found, i, len(faults), pictures+i)
	require.Equal(t, i, found)
	require.LessOrEqual(t, len(faults), (pictures+i)/100)
}
