// Package augment makes new pictures of old ones: turned, moved, bent,
// recoloured, blurred, covered.
//
// An Augmentor is a value, an ordered list of operations with probabilities,
// readable and writable as JSON. What it makes of a picture depends on its seed, the
// picture's content and the epoch alone: any number of goroutines, a restart and
// another kind of processor give the same bytes.
package augment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"

	"github.com/argus-go/argus/internal/picture"
)

// RGB is a picture as the operations see it: H rows of W pixels of three bytes
// (red, green, blue), without gaps.
type RGB = picture.RGB

// An Augmentor is a list of steps, done in order. The zero value leaves pictures
// as they are. Geometric steps that follow each other become one resampling.
type Augmentor struct {
	Seed  uint64 `json:"seed,omitempty"`
	Steps []Step `json:"steps"`
	// Filter is how geometric steps read between pixels.
	Filter Filter `json:"filter"`
	// Fill is what geometric steps find outside of the picture.
	Fill  Fill     `json:"fill"`
	Color [3]uint8 `json:"color"` // for Constant: red, green, blue
}

// A Step is an operation and its probability.
type Step struct {
	// P is the probability, above 0 to 1; 0 means always.
	P float64
	Op
}

// An Op is an operation: one of the types of this package, or what Func makes.
// Fields left zero mean the default that stands with them.
type Op interface {
	kind() string
	check() error
	apply(w *work)
}

// Key says which of its many versions of a picture is wanted.
type Key struct {
	// Content tells pictures apart, by the SHA-256 of the file for example.
	Content [sha256.Size]byte
	// Epoch counts the versions.
	Epoch int
}

// Default is what suits photographs of things whose left and right may be
// exchanged: a crop of 70 to 100 % of the sides, a flip, a turn of up to 10°,
// some change of light and colour.
func Default() Augmentor {
	return Augmentor{
		Steps: []Step{
			{Op: Crop{Min: .7, Max: 1, Stretch: 1.2}},
			{P: .5, Op: FlipLeftRight{}},
			{P: .5, Op: Rotate{Degrees: 10}},
			{P: .5, Op: Brightness{By: .2}},
			{P: .5, Op: Contrast{By: .2}},
			{P: .5, Op: Saturation{By: .2}},
			{P: .25, Op: Cutout{}},
		},
		Fill: Reflect,
	}
}

// Files are the operations that decathloncanada/image-classification wrote
// augmented folders with.
func Files() Augmentor {
	return Augmentor{Steps: []Step{
		{Op: GridDistortion{Cols: 4, Rows: 4, By: .027}},
		{P: .5, Op: FlipLeftRight{}},
		{P: .5, Op: FlipTopBottom{}},
		{P: .5, Op: Crop{Min: .75}},
		{P: .5, Op: Erase{Min: .25, Max: .25, Stretch: 1}},
		{P: .5, Op: Rotate{Degrees: 10}},
	}}
}

// OnTheFly are the operations that it did while it trained.
func OnTheFly() Augmentor {
	return Augmentor{Steps: []Step{
		{Op: Rotate{Degrees: 180, Corners: true}},
		{Op: Shift{X: .1, Y: .1}},
		{Op: Shear{X: .1}},
		{Op: Zoom{Min: 1 / 1.5, Max: 1 / .9, Apart: true}},
		{P: .5, Op: FlipLeftRight{}},
		{P: .5, Op: FlipTopBottom{}},
		{P: .5, Op: Erase{Min: .02, Max: .4, Stretch: 3.3}},
	}}
}

// check says what is wrong with a.
func (a Augmentor) check() error {
	if int(a.Filter) >= len(filterNames) {
		return fmt.Errorf("augment: filter is %d, want 0 to %d", a.Filter, len(filterNames)-1)
	}
	if int(a.Fill) >= len(fillNames) {
		return fmt.Errorf("augment: fill is %d, want 0 to %d", a.Fill, len(fillNames)-1)
	}
	for i, s := range a.Steps {
		if s.Op == nil {
			return fmt.Errorf("augment: step %d has no operation", i)
		}
		if !(s.P >= 0 && s.P <= 1) {
			return fmt.Errorf("augment: step %d, %s: probability is %v, want 0 to 1", i, s.kind(), s.P)
		}
		if err := s.Op.check(); err != nil {
			return fmt.Errorf("augment: step %d, %s: %w", i, s.kind(), err)
		}
	}
	return nil
}

// Check returns an error that names the first step that cannot be done.
func (a Augmentor) Check() error { return a.check() }

// Digest names what a does: augmentors of the same digest make the same
// pictures. Of user functions it knows the names alone.
func (a Augmentor) Digest() (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	// The version changes when an operation makes other pixels than before.
	sum := sha256.Sum256(append([]byte("argus augment 1\n"), text...))
	return hex.EncodeToString(sum[:]), nil
}

// Apply makes version k of img, which stays as it is. Alpha is laid over white.
// The result has img's size, unless Resize or a user's function says otherwise.
func (a Augmentor) Apply(img image.Image, k Key) (*image.RGBA, error) {
	p, err := picture.FromImage(img, picture.Limits{})
	if err != nil {
		return nil, fmt.Errorf("augment: %w", err)
	}
	if p, err = a.ApplyRGB(p, k); err != nil {
		return nil, err
	}
	return p.RGBA(), nil
}

// ApplyRGB is Apply for a picture in the form that the operations work on. What
// it returns may be p itself, where nothing was to be done; p stays as it is. Where many
// are made, Free gives the memory of one that is no longer used to the next.
func (a Augmentor) ApplyRGB(p *RGB, k Key) (out *RGB, err error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	if p.W < 1 || p.H < 1 || len(p.Pix) != 3*p.W*p.H {
		return nil, fmt.Errorf("augment: picture is %d×%d with %d bytes", p.W, p.H, len(p.Pix))
	}
	w := &work{Augmentor: a, picture: p, given: true}
	s1, s2 := seeds(a.Seed, k)
	for i, s := range a.Steps {
		w.random = stepRandom(s1, s2, i)
		if s.P != 0 && s.P != 1 && w.float() >= s.P {
			continue
		}
		if s.Op.apply(w); w.err != nil {
			return nil, fmt.Errorf("augment: step %d, %s: %w", i, s.kind(), w.err)
		}
	}
	return w.settled(), nil
}

// work is a picture on its way through the steps. Geometry and tables of levels
// wait until something needs the pixels.
type work struct {
	Augmentor
	*random
	picture *RGB
	given   bool // picture is the caller's: to be copied before it is written
	chain   chain
	table   *table
	err     error
}

// settled is the picture with all that waited done; not to be written.
func (w *work) settled() *RGB {
	if !w.chain.empty() {
		w.replace(w.chain.warp(w.picture, w.Augmentor))
		w.chain = chain{}
	}
	if w.table != nil {
		p := w.fresh()
		w.table.apply(p.Pix, w.picture.Pix)
		w.table = nil
		w.replace(p)
	}
	return w.picture
}

// fresh is where pixels that follow from those of the picture one by one may be
// written: in their place, if they are not the caller's.
func (w *work) fresh() *RGB {
	if w.given {
		return picture.Blank(w.picture.W, w.picture.H)
	}
	return w.picture
}

// pixels is settled, but may be written.
func (w *work) pixels() *RGB {
	p := w.settled()
	if w.given {
		own := picture.Blank(p.W, p.H)
		copy(own.Pix, p.Pix)
		w.picture, w.given = own, false
	}
	return w.picture
}

// replace makes p, which nobody else has, the picture.
func (w *work) replace(p *RGB) {
	if !w.given && w.picture != p {
		w.picture.Free()
	}
	w.picture, w.given = p, false
}

// size is that of the picture once what waits is done.
func (w *work) size() (float64, float64) {
	if !w.chain.empty() {
		return float64(w.chain.w), float64(w.chain.h)
	}
	return float64(w.picture.W), float64(w.picture.H)
}

// function is a user's operation.
type function struct {
	Name string `json:"name"`
	f    func(*rand.Rand, image.Image) image.Image
}

// Func makes an operation of f, which must follow from its arguments alone and
// leave the picture it is given as it is. JSON keeps the name: With gives an
// Augmentor that was read its functions back.
func Func(name string, f func(*rand.Rand, image.Image) image.Image) Op { return function{name, f} }

func (function) kind() string { return "func" }

func (o function) check() error {
	if o.f == nil {
		return fmt.Errorf("function %q is not here: give it to Augmentor.With", o.Name)
	}
	return nil
}

func (o function) apply(w *work) {
	img := o.f(rand.New(&w.PCG), w.settled().RGBA())
	p, err := picture.FromImage(img, picture.Limits{})
	if err != nil {
		w.err = fmt.Errorf("function %q: %w", o.Name, err)
		return
	}
	w.replace(p)
}

// With returns a with the functions of ops in place of those of the same names.
func (a Augmentor) With(ops ...Op) Augmentor {
	steps := append([]Step(nil), a.Steps...)
	for i, s := range steps {
		have, ok := s.Op.(function)
		if !ok {
			continue
		}
		for _, op := range ops {
			if f, ok := op.(function); ok && f.Name == have.Name {
				steps[i].Op = f
			}
		}
	}
	a.Steps = steps
	return a
}
