package clean

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"

	"github.com/argus-go/argus/internal/picture"
	"github.com/argus-go/argus/internal/shared"
)

// A change makes another file of the same photograph.
type change struct {
	name string
	make func(rng *rand.Rand, m *image.RGBA) (image.Image, int) // and the JPEG quality
}

var changes = []change{
	{"recompressed", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) { return m, 25 + rng.IntN(55) }},
	{"resized", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		scale := .35 + rng.Float64()
		out := image.NewRGBA(image.Rect(0, 0, int(scale*float64(m.Rect.Dx())), int(scale*float64(m.Rect.Dy()))))
		draw.CatmullRom.Scale(out, out.Rect, m, m.Rect, draw.Src, nil)
		return out, 90
	}},
	{"cropped", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		dx, dy := m.Rect.Dx()/20, m.Rect.Dy()/20
		x, y := rng.IntN(dx+1), rng.IntN(dy+1)
		return m.SubImage(image.Rect(x, y, x+m.Rect.Dx()-dx, y+m.Rect.Dy()-dy)), 90
	}},
	{"cropped all round", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		return m.SubImage(m.Rect.Inset(m.Rect.Dx() / 20)), 90
	}},
	{"framed", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		width := 1 + int((.01+.08*rng.Float64())*float64(m.Rect.Dx()))
		colour := []color.Color{color.Black, color.White, color.RGBA{uint8(rng.Uint32()), uint8(rng.Uint32()), uint8(rng.Uint32()), 255}}[rng.IntN(3)]
		out := image.NewRGBA(image.Rect(0, 0, m.Rect.Dx()+2*width, m.Rect.Dy()+2*width))
		draw.Draw(out, out.Rect, image.NewUniform(colour), image.Point{}, draw.Src)
		draw.Draw(out, m.Rect.Add(image.Pt(width, width)), m, image.Point{}, draw.Src)
		return out, 90
	}},
	{"brightened", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		gain := 1.1 + .3*rng.Float64()
		out := image.NewRGBA(m.Rect)
		for i, v := range m.Pix {
			out.Pix[i] = uint8(min(255, gain*float64(v)))
		}
		return out, 90
	}},
	{"mirrored", func(rng *rand.Rand, m *image.RGBA) (image.Image, int) {
		out := image.NewRGBA(m.Rect)
		for y := range m.Rect.Dy() {
			for x := range m.Rect.Dx() {
				out.SetRGBA(m.Rect.Dx()-1-x, y, m.RGBAAt(x, y))
			}
		}
		return out, 90
	}},
}

func changed(t testing.TB, rng *rand.Rand, c change, data []byte) []byte {
	rgb, err := picture.Decode(data, Limits{})
	require.NoError(t, err)
	m := image.NewRGBA(image.Rect(0, 0, rgb.W, rgb.H))
	for i := range rgb.W * rgb.H {
		copy(m.Pix[4*i:], rgb.Pix[3*i:3*i+3])
		m.Pix[4*i+3] = 255
	}
	out, quality := c.make(rng, m)
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, out, &jpeg.Options{Quality: quality}))
	return b.Bytes()
}

// clothes is the looked-over dataset of real photographs; a copy for each caller.
func clothes(t testing.TB) *checker {
	dir := shared.Path(t, "data/clothing5")
	clothesOnce.Do(func() {
		fsys := os.DirFS(dir)
		files, err := scan(fsys)
		require.NoError(t, err)
		clothesSeen = checker{Options: Options{}.completed(), fsys: fsys, seen: make([]seen, len(files)), keep: keptThumbs}
		require.NoError(t, clothesSeen.look(context.Background(), files))
	})
	return &checker{Options: clothesSeen.Options, fsys: clothesSeen.fsys, seen: slices.Clone(clothesSeen.seen)}
}

var (
	clothesOnce sync.Once
	clothesSeen checker
)

// plant puts a changed copy of file i into train, in the same class.
func (c *checker) plant(t testing.TB, rng *rand.Rand, change change, s seen) (path string) {
	data, err := c.read(s.Path)
	require.NoError(t, err)
	path = fmt.Sprintf("train/%s/planted-%d.jpg", s.Class, len(c.seen))
	planted := checker{Options: c.Options, fsys: fstest.MapFS{path: {Data: changed(t, rng, change, data)}}}
	c.seen = append(c.seen, planted.inspect(file{path: path, class: s.Class, split: Train}))
	return path
}

func TestPairsAreTheSameWhereThumbsWereNotKept(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	fsys := fstest.MapFS{}
	for i := range 6 {
		data := asJPEG(t, scene(uint64(i), 200, 160))
		fsys[fmt.Sprintf("train/a/%d.jpg", i)] = &fstest.MapFile{Data: data}
		fsys[fmt.Sprintf("test/a/%d.jpg", i)] = &fstest.MapFile{Data: changed(t, rng, changes[i], data)}
	}
	var want []pair
	for _, keep := range []int64{100, 5, 0} {
		files, err := scan(fsys)
		require.NoError(t, err)
		c := checker{Options: Options{}.completed(), fsys: fsys, seen: make([]seen, len(files)), keep: keep}
		require.NoError(t, c.look(t.Context(), files))
		got, err := c.twins(t.Context())
		require.NoError(t, err)
		require.Len(t, got, 6)
		if want != nil {
			require.Equal(t, want, got)
		}
		want = got
	}
}

// Test is by other people than train and val, so no two pictures are the same;
// in train and val some were taken in one place of the same kind of shirt.
func TestLookAlikesByOtherPeopleAreNoLeaks(t *testing.T) {
	c := clothes(t)
	var all []int
	for i, s := range c.seen {
		if s.print != nil {
			all = append(all, i)
		}
	}
	require.Len(t, all, 870)
	candidates, err := c.candidates(t.Context(), all)
	require.NoError(t, err)
	scores, err := c.scores(t.Context(), candidates)
	require.NoError(t, err)
	across, near, top := 0, 0, map[bool]float64{}
	for i, m := range candidates {
		leak := (c.seen[m.of].Split == Test) != (c.seen[m.as].Split == Test)
		top[leak] = max(top[leak], scores[i])
		if leak {
			across++
			if m.bits <= 6 {
				near++
			}
		}
	}
	t.Logf("%d candidates, %d of them with test, %d of those within 6 bits; best scores: with test %.3f, else %.3f", len(candidates), across, near, top[true], top[false])
	require.Greater(t, near, 10, "hashes alone would take these for leaks")
	require.Less(t, top[true], alikeFrom-.2)
	require.Less(t, top[false], alikeFrom)
}

func TestPlantedCopiesOfTestPicturesAreFound(t *testing.T) {
	seeds := uint64(1)
	if os.Getenv("ARGUS_CLEAN") == "all" {
		seeds = 10
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		c := clothes(t)
		var test []seen
		for _, s := range c.seen {
			if s.Split == Test {
				test = append(test, s)
			}
		}
		rng.Shuffle(len(test), func(i, j int) { test[i], test[j] = test[j], test[i] })
		planted := map[string]string{}
		for i, s := range test[:40] {
			planted[c.plant(t, rng, changes[i%len(changes)], s)] = changes[i%len(changes)].name
		}
		slices.SortFunc(c.seen, func(a, b seen) int { return strings.Compare(a.Path, b.Path) })
		pairs, err := c.twins(context.Background())
		require.NoError(t, err)
		found := 0
		for _, f := range report(c.seen, pairs).Of(Leak) {
			if planted[f.Path] == "" {
				t.Errorf("seed %d: false alarm %v", seed, f)
			}
			found++
			delete(planted, f.Path)
		}
		require.GreaterOrEqual(t, found, 38, "seed %d, missed %v", seed, planted)
		lowest := 1.0
		for _, p := range pairs {
			lowest = min(lowest, p.score)
		}
		t.Logf("seed %d: %d of 40, missed %v; lowest score %.3f", seed, found, planted, lowest)
	}
}
