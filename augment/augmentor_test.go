package augment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/picture"
)

// scene is a picture with slopes, edges, colours and noise.
func scene(w, h int) *RGB {
	p := picture.Blank(w, h)
	s := stream(w*1000 + h)
	for y := range h {
		for x := range w {
			d := p.Pix[3*(y*w+x):]
			d[0], d[1], d[2] = uint8(255*x/w), uint8(255*y/h), uint8(128+100*(x/16%2)-100*(y/16%2))
			if (x-w/3)*(x-w/3)+(y-h/3)*(y-h/3) < w*h/40 {
				v := s.next()
				d[0], d[1], d[2] = 250-uint8(v&31), uint8(v>>8&31), 40
			}
		}
	}
	return p
}

// every is one step of each operation, and of some with other options.
func every() []Step {
	steps := []Step{}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range kinds {
			if name != "func" && name != "resize" && !yield(name) {
				return
			}
		}
	}) {
		var s Step
		if err := json.Unmarshal(fmt.Appendf(nil, `{"op":%q}`, name), &s); err != nil {
			panic(err)
		}
		steps = append(steps, s)
	}
	for _, op := range []Op{
		Resize{97, 61}, Resize{31, 29}, Rotate{Degrees: 180, Corners: true}, Zoom{.2, .4, true}, Crop{.3, .9, 2}, Noise{30, true},
		Erase{Cover: CoverColor}, Cutout{.5, 3, CoverConst}, Shear{X: .5}, Shift{Y: .5}, Posterize{1}, JPEG{1, 5}, JPEG{100, 100}, Blur{3, 6},
		Func("turn", turn),
	} {
		steps = append(steps, Step{Op: op})
	}
	return steps
}

// turn is a user's function: a quarter turn and a level more or less.
func turn(r *rand.Rand, img image.Image) image.Image {
	b := img.Bounds()
	out := image.NewNRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
	add := uint8(r.UintN(3))
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
			c.R += add
			out.SetNRGBA(b.Dy()-1-y, x, c)
		}
	}
	return out
}

func key(content string, epoch int) Key { return Key{sha256.Sum256([]byte(content)), epoch} }

func apply(t testing.TB, a Augmentor, p *RGB, k Key) *RGB {
	out, err := a.ApplyRGB(p, k)
	require.NoError(t, err)
	require.Len(t, out.Pix, 3*out.W*out.H)
	return out
}

func put(h hash.Hash, p *RGB) {
	fmt.Fprintf(h, "%d×%d\n", p.W, p.H)
	h.Write(p.Pix)
}

// The digests are those that linux/amd64 wrote; other processors must agree:
// GOARCH=arm64 go test -exec qemu-aarch64-static ./augment
func TestEveryOperationMakesTheSameBytesOnEveryProcessor(t *testing.T) {
	const golden = "testdata/digests.json"
	got := map[string]string{}
	for i, s := range every() {
		for filter := range Filter(len(filterNames)) {
			for fill := range Fill(len(fillNames)) {
				a := Augmentor{Seed: 7, Steps: []Step{s}, Filter: filter, Fill: fill, Color: [3]uint8{9, 99, 199}}
				h := sha256.New()
				for _, size := range [][2]int{{64, 48}, {33, 57}, {1, 1}, {2, 9}} {
					put(h, apply(t, a, scene(size[0], size[1]), key("scene", i)))
				}
				text, err := json.Marshal(a)
				require.NoError(t, err)
				got[string(text)] = hex.EncodeToString(h.Sum(nil)[:8])
			}
		}
	}
	for name, a := range map[string]Augmentor{"Default": Default(), "Files": Files(), "OnTheFly": OnTheFly()} {
		h := sha256.New()
		for epoch := range 20 {
			put(h, apply(t, a, scene(90, 70), key("scene", epoch)))
		}
		got[name] = hex.EncodeToString(h.Sum(nil)[:8])
	}
	if os.Getenv("ARGUS_WRITE_DIGESTS") != "" {
		data, err := json.MarshalIndent(got, "", "\t")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(golden, append(data, '\n'), 0o666))
	}
	data, err := os.ReadFile(golden)
	require.NoError(t, err)
	want := map[string]string{}
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, got)
}

func TestWhatIsMadeDependsOnSeedContentAndEpochAlone(t *testing.T) {
	a := Augmentor{Steps: append(Default().Steps, every()...)}
	a.Steps = append(a.Steps, Step{Op: Resize{50, 40}})
	p := scene(60, 50)
	before := slices.Clone(p.Pix)
	first := apply(t, a, p, key("x", 3))
	require.Equal(t, before, p.Pix, "the caller's picture is left as it was")

	var wg sync.WaitGroup
	again := make([]*RGB, 16)
	for i := range again {
		wg.Go(func() { again[i] = apply(t, a, scene(60, 50), key("x", 3)) })
	}
	wg.Wait()
	for _, p := range again {
		require.Equal(t, first, p)
	}
	other := a
	other.Seed++
	for name, p := range map[string]*RGB{
		"content": apply(t, a, p, key("y", 3)), "epoch": apply(t, a, p, key("x", 4)), "seed": apply(t, other, p, key("x", 3)),
	} {
		require.NotEqual(t, first.Pix, p.Pix, name)
	}
}

func TestAnAugmentorSurvivesJSON(t *testing.T) {
	a := Augmentor{Seed: 1 << 60, Filter: Bicubic, Fill: Constant, Color: [3]uint8{1, 2, 3}}
	for i, s := range every() {
		s.P = float64(i) / 64
		a.Steps = append(a.Steps, s)
	}
	text, err := json.Marshal(a)
	require.NoError(t, err)
	var b Augmentor
	require.NoError(t, json.Unmarshal(text, &b))
	require.ErrorContains(t, b.Check(), `function "turn" is not here`)
	_, err = b.ApplyRGB(scene(9, 9), Key{})
	require.ErrorContains(t, err, `function "turn" is not here`)
	b = b.With(Func("turn", turn))
	require.Equal(t, apply(t, a, scene(70, 50), key("", 1)), apply(t, b, scene(70, 50), key("", 1)))
	again, err := json.Marshal(b)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))
	d1, err := a.Digest()
	require.NoError(t, err)
	b.Seed++
	d2, err := b.Digest()
	require.NoError(t, err)
	require.NotEqual(t, d1, d2)
}

func TestWhatCannotBeDoneIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		`{"steps":[{"op":"spin"}]}`:                         `no operation "spin"`,
		`{"steps":[{"op":"rotate","angle":3}]}`:             `operation "rotate" has no field "angle"`,
		`{"steps":[{"op":"rotate","degrees":"much"}]}`:      `operation "rotate"`,
		`{"steps":[{"op":"rotate","degrees":400}]}`:         `step 0, rotate: degrees is 400, want 0 to 180`,
		`{"steps":[{"op":"grey"},{"op":"crop","p":2}]}`:     `step 1, crop: probability is 2`,
		`{"steps":[{"op":"crop","min":0.5,"max":0.2}]}`:     `max is 0.2, want 0.5 to 1`,
		`{"steps":[{"op":"resize","w":1000000,"h":1}]}`:     `w is 1e+06, want 1 to 16384`,
		`{"filter":"sinc","steps":[]}`:                      `filter is "sinc"`,
		`{"fill":"mirror","steps":[]}`:                      `fill is "mirror"`,
		`{"steps":[{"op":"erase","cover":"paint"}]}`:        `cover is "paint"`,
		`{"steps":[{"op":"posterize","bits":9}]}`:           `bits is 9, want 1 to 8`,
		`{"steps":[{"op":"grid_distortion","cols":-1}]}`:    `cols is -1`,
		`{"steps":[{"op":"perspective","by":0.5}]}`:         `by is 0.5`,
		`{"steps":[{"op":"blur","min":1e300,"max":1e300}]}`: `min is 1e+300`,
	} {
		var a Augmentor
		err := json.Unmarshal([]byte(text), &a)
		if err == nil {
			err = a.Check()
		}
		require.ErrorContains(t, err, want, text)
	}
	for _, a := range []Augmentor{{Filter: 9}, {Fill: 9}, {Steps: []Step{{}}}, {Steps: []Step{{P: math.NaN(), Op: Grey{}}}}} {
		require.Error(t, a.Check())
	}
	_, err := Default().ApplyRGB(&RGB{W: 3, H: 3}, Key{})
	require.ErrorContains(t, err, "picture is 3×3 with 0 bytes")
	nothing := Augmentor{Steps: []Step{{Op: Func("none", func(*rand.Rand, image.Image) image.Image { return nil })}}}
	_, err = nothing.Apply(image.NewGray(image.Rect(0, 0, 3, 3)), Key{})
	require.ErrorContains(t, err, `step 0, func: function "none"`)
}

func TestExactFunctionsAreThoseOfMath(t *testing.T) {
	for d := -720.0; d <= 720; d += .37 {
		sin, cos := sinCos(d)
		require.InDelta(t, math.Sin(d*math.Pi/180), sin, 1e-11, "%v", d)
		require.InDelta(t, math.Cos(d*math.Pi/180), cos, 1e-11, "%v", d)
	}
	for x := -30.0; x < 30; x += .173 {
		require.InEpsilon(t, math.Exp(x), exp(x), 1e-11)
		require.InDelta(t, x, ln(math.Exp(x)), 1e-11)
	}
	for p := .0005; p < .5; p += .003 {
		require.InDelta(t, p, .5*math.Erfc(-quantile(p)/math.Sqrt2), 2e-4)
	}
}

func TestStepsHappenAsOftenAsTheirProbabilitySays(t *testing.T) {
	a := Augmentor{Steps: []Step{{P: .3, Op: Solarize{Above: 1}}}}
	p := &RGB{W: 1, H: 1, Pix: []uint8{10, 10, 10}}
	n := 0
	for e := range 2000 {
		if apply(t, a, p, key("", e)).Pix[0] != 10 {
			n++
		}
	}
	require.InDelta(t, 600, n, 80) // four standard deviations
}

func TestApplyTakesAnyImage(t *testing.T) {
	img := image.NewPaletted(image.Rect(5, 5, 25, 15), color.Palette{color.Transparent, color.Black})
	out, err := Augmentor{Steps: []Step{{Op: FlipLeftRight{}}}}.Apply(img, Key{})
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 20, 10), out.Bounds())
	require.Equal(t, color.RGBA{255, 255, 255, 255}, out.RGBAAt(3, 3))
	_, err = Default().Apply(nil, Key{})
	require.ErrorContains(t, err, "image is nil")
}

func TestNamesOfFiltersFillsAndCovers(t *testing.T) {
	require.Equal(t, "bicubic nearest noise 77", strings.Join([]string{Bicubic.String(), Edge.String(), CoverNoise.String(), Fill(77).String()}, " "))
	_, err := Filter(77).MarshalText()
	require.ErrorContains(t, err, "filter is 77")
}

// What is read from JSON is refused or done.
func FuzzAugmentor(f *testing.F) {
	for _, s := range every() {
		text, err := json.Marshal(Augmentor{Steps: []Step{s, s}, Fill: Reflect})
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a Augmentor
		if json.Unmarshal(text, &a) != nil || a.Check() != nil || len(a.Steps) > 20 {
			return
		}
		for _, s := range a.Steps {
			if r, ok := s.Op.(Resize); ok && r.W*r.H > 1<<16 {
				return
			}
			if c, ok := s.Op.(Cutout); ok && c.Holes > 9 {
				return
			}
		}
		out, err := a.ApplyRGB(scene(17, 12), Key{})
		require.NoError(t, err)
		require.Len(t, out.Pix, 3*out.W*out.H)
	})
}
