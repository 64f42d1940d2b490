package jpegscale

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

func files(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	for _, pattern := range []string{"testdata/*.jpg", "../picture/testdata/*.jpg"} {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, name := range names {
			data, err := os.ReadFile(name)
			require.NoError(t, err)
			all[filepath.ToSlash(name)] = data
		}
	}
	require.NotEmpty(t, all)
	return all
}

// different says how what Decode makes of data, if anything, differs from what the
// standard library does. Taken says that there was a picture.
func different(data []byte) (taken bool, err error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || c.Width*c.Height > 1<<19 {
		return false, nil
	}
	pix, w, h, err := Decode(data, 1, nil, nil)
	quarter, qw, qh, quarterErr := Decode(data, 4, nil, nil)
	if (err == nil) != (quarterErr == nil) {
		return false, fmt.Errorf("whole: %v; a quarter: %v", err, quarterErr)
	}
	if err != nil {
		return false, nil
	}
	if len(pix) != 3*w*h || w != c.Width || h != c.Height || len(quarter) != 3*qw*qh || qw != (w+3)/4 || qh != (h+3)/4 {
		return true, fmt.Errorf("%d×%d: %d bytes of %d×%d; %d bytes of %d×%d", c.Width, c.Height, len(pix), w, h, len(quarter), qw, qh)
	}
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return true, err
	}
	if !LikeLibrary() {
		return true, nil
	}
	var want []uint8
	switch m := img.(type) {
	case *image.YCbCr:
		want = packed(m)
	case *image.Gray:
		want = make([]uint8, 3*w*h)
		for y := range h {
			grey(want[3*y*w:][:3*w], m.Pix[y*m.Stride:][:w])
		}
	default:
		return true, fmt.Errorf("image/jpeg gives %T", img)
	}
	for i := range want {
		if want[i] != pix[i] {
			return true, fmt.Errorf("pixel (%d, %d), channel %d: %d, image/jpeg %d", i/3%w, i/3/w, i%3, pix[i], want[i])
		}
	}
	return true, nil
}

func TestTheLibraryOfThisGoIsKnown(t *testing.T) {
	v := runtime.Version()
	require.Equal(t, !strings.HasPrefix(v, "go1.25"), LikeLibrary(), v)
}

func TestWholePicturesHaveThePixelsOfTheStandardLibrary(t *testing.T) {
	for name, data := range files(t) {
		taken, err := different(data)
		require.NoError(t, err, name)
		require.Equal(t, !strings.Contains(name, "CMYK"), taken, name)
	}
	m := image.NewRGBA(image.Rect(0, 0, 70, 50))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = uint8(r.Uint32())
	}
	for w := 1; w < 70; w += 4 {
		for h := 1; h < 50; h += 5 {
			for _, quality := range []int{1, 40, 100} {
				var b bytes.Buffer
				require.NoError(t, jpeg.Encode(&b, m.SubImage(image.Rect(0, 0, w, h)), &jpeg.Options{Quality: quality}))
				taken, err := different(b.Bytes())
				require.NoError(t, err, "%d×%d", w, h)
				require.True(t, taken)
			}
		}
	}
}

// All of clothing5 with ARGUS_SLOW, some otherwise.
func TestPhotographsHaveThePixelsOfTheStandardLibrary(t *testing.T) {
	n, taken := 0, 0
	for path, entry := range walk(t, shared.Path(t, "data/clothing5")) {
		if entry.IsDir() || !strings.HasSuffix(path, ".jpg") {
			continue
		}
		if n++; os.Getenv("ARGUS_SLOW") == "" && n%60 != 1 {
			continue
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		ok, err := different(data)
		require.NoError(t, err, path)
		require.True(t, ok, path)
		taken++
	}
	require.NotZero(t, taken)
	t.Logf("%d of %d photographs", taken, n)
}

func walk(t *testing.T, root string) func(yield func(string, fs.DirEntry) bool) {
	return func(yield func(string, fs.DirEntry) bool) {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !yield(path, d) {
				return filepath.SkipAll
			}
			return err
		}))
	}
}

// Where this decoder fails image/jpeg is asked, so that only what it takes
// matters: then image/jpeg does, too, and gives the same pixels.
func TestWhatIsTakenOfBrokenFilesIsWhatTheStandardLibraryTakes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	taken := 0
	for name, data := range files(t) {
		for n := 2; n < len(data); n += max(1, len(data)/100) {
			got, err := different(data[:n])
			require.NoError(t, err, "%s cut to %d bytes", name, n)
			require.False(t, got)
		}
		for range 150 {
			broken := bytes.Clone(data)
			for range 1 + r.IntN(3) {
				broken[r.IntN(len(broken))] ^= 1 << r.IntN(8)
			}
			got, err := different(broken)
			require.NoError(t, err, name)
			if got {
				taken++
			}
		}
	}
	require.NotZero(t, taken)
}

func TestTimeIsAskedForBeforeEachScan(t *testing.T) {
	data := files(t)["testdata/progressive444.jpg"]
	asked := 0
	_, _, _, err := Decode(data, 1, func() bool { asked++; return asked > 2 }, nil)
	require.ErrorIs(t, err, ErrLate)
	require.Equal(t, 3, asked)
}

func FuzzDecode(f *testing.F) {
	for _, data := range files(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := different(data)
		require.NoError(t, err)
	})
}

func BenchmarkDecode(b *testing.B) {
	names, _ := filepath.Glob(filepath.Join(shared.Path(b, "data/clothing5"), "test/*/*.jpg"))
	require.NotEmpty(b, names)
	var all [][]byte
	for i := 0; i < len(names); i += 4 {
		data, err := os.ReadFile(names[i])
		require.NoError(b, err)
		all = append(all, data)
	}
	each := func(name string, f func([]byte) error) {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				require.NoError(b, f(all[i%len(all)]))
			}
		})
	}
	each("library", func(data []byte) error {
		_, err := jpeg.Decode(bytes.NewReader(data))
		return err
	})
	for _, d := range []int{1, 2, 4} {
		each(fmt.Sprint(d), func(data []byte) error {
			_, _, _, err := Decode(data, d, nil, nil)
			return err
		})
	}
}
