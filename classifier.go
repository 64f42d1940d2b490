package argus

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"unicode/utf8"

	"github.com/argus-go/argus/nn"
)

// A Classifier tells pictures apart: a network pretrained elsewhere, its body,
// and a head of its own for the classes at hand. Its methods may be called from
// many goroutines. Fit works on a copy: until it ends, Predict answers from the
// weights before. New, Pretrained and LoadClassifier make one.
type Classifier struct {
	// Threads caps the cores that one call uses; 0 means all of GOMAXPROCS.
	// Set it before the first call.
	Threads int

	classes  []string
	backbone nn.Backbone
	fitting  turn                     // one Fit, or loading of weights, at a time
	now      atomic.Pointer[snapshot] // nil until weights are loaded
}

// A snapshot is a network with its weights, ready to run. It never changes.
type snapshot struct {
	model   nn.Model   // Top is nil until there is a head; a head ends in softmax
	weights nn.Weights // of body and top; nil where read gives them
	read    func() (nn.Weights, error)
	prep    Preprocess // complete
	info    Info
	runner  *runner
}

// New makes a classifier for the given classes on a pretrained backbone. The
// backbone's weights are read, or downloaded, at the first call that needs them.
func New(backbone nn.Backbone, classes []string) (*Classifier, error) {
	if len(classes) < 2 {
		return nil, fmt.Errorf("argus: new classifier: %d classes, want at least 2", len(classes))
	}
	if backbone.Body != nil && !slices.Equal(classes, backbone.Classes) {
		backbone = *backbone.Body
	}
	c, err := newClassifier(backbone, classes)
	if err != nil {
		return nil, fmt.Errorf("argus: new classifier: %w", err)
	}
	return c, nil
}

// Pretrained makes a classifier for the classes that the backbone itself was
// trained on; it can predict at once.
func Pretrained(backbone nn.Backbone) (*Classifier, error) {
	if backbone.Model.Top == nil {
		return nil, fmt.Errorf("argus: %s has no pretrained top", backbone.Model.Name)
	}
	c, err := newClassifier(backbone, backbone.Classes)
	if err != nil {
		return nil, fmt.Errorf("argus: pretrained: %w", err)
	}
	out, err := nn.OutShape(backbone.Model.Whole(), backbone.Model.Input.Shape())
	if err != nil {
		return nil, fmt.Errorf("argus: %s: %w", backbone.Model.Name, err)
	}
	if out.C != len(c.classes) {
		return nil, fmt.Errorf("argus: %s tells %d classes apart, its list names %d", backbone.Model.Name, out.C, len(c.classes))
	}
	return c, nil
}

func newClassifier(backbone nn.Backbone, classes []string) (*Classifier, error) {
	if err := backbone.Model.Check(); err != nil {
		return nil, err
	}
	if backbone.Weights == nil {
		return nil, fmt.Errorf("%s: the backbone has no source of weights", backbone.Model.Name)
	}
	seen := map[string]bool{}
	for _, c := range classes {
		if c == "" || seen[c] || !utf8.ValidString(c) {
			return nil, fmt.Errorf("class %q is empty, named twice or not UTF-8", c)
		}
		seen[c] = true
	}
	return &Classifier{classes: slices.Clone(classes), backbone: backbone, fitting: make(turn, 1)}, nil
}

// Classes returns the class names in the order of the network's outputs.
func (c *Classifier) Classes() []string { return slices.Clone(c.classes) }

// snapshot returns what answers now, loading the backbone's weights first where
// nobody has.
func (c *Classifier) snapshot(ctx context.Context) (*snapshot, error) {
	if s := c.now.Load(); s != nil {
		return s, nil
	}
	if err := c.fitting.take(ctx); err != nil {
		return nil, err
	}
	defer c.fitting.give()
	return c.load(ctx, nil)
}

// A turn is a lock that one can stop waiting for.
type turn chan struct{}

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t turn) give() { <-t }

// load is snapshot for who holds c.fitting.
func (c *Classifier) load(ctx context.Context, progress func(done, total int64)) (*snapshot, error) {
	if s := c.now.Load(); s != nil {
		return s, nil
	}
	model := c.backbone.Model
	weights, err := c.backbone.Weights(ctx, progress)
	if err != nil {
		return nil, fmt.Errorf("weights of %s: %w", model.Name, err)
	}
	if !slices.Equal(c.classes, c.backbone.Classes) {
		model.Top = nil
	}
	if weights, err = weights.Of(model.Whole(), model.Input.Shape()); err != nil {
		return nil, fmt.Errorf("%s: %w", model.Name, err)
	}
	prep, err := Preprocess{}.completed(preprocessOf(model.Input))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", model.Name, err)
	}
	s, err := newSnapshot(model, weights, prep, Info{Origin: c.backbone.Origin}, nil)
	if err != nil {
		return nil, err
	}
	c.now.Store(s)
	return s, nil
}

// newSnapshot readies a network to run; body, where not nil, is a plan of the
// same body with the same weights to share.
func newSnapshot(model nn.Model, weights nn.Weights, prep Preprocess, info Info, body *nn.Plan) (*snapshot, error) {
	r, err := newRunner(model, freezerOf(weights), prep.Size, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", model.Name, err)
	}
	return &snapshot{model: model, weights: weights, prep: prep, info: info, runner: r}, nil
}

// all are the weights of body and top.
func (s *snapshot) all() (nn.Weights, error) {
	if s.weights != nil {
		return s.weights, nil
	}
	return s.read()
}

// whole is s with its weights in memory.
func (s *snapshot) whole() (*snapshot, error) {
	weights, err := s.all()
	if err != nil {
		return nil, err
	}
	t := *s
	t.weights = weights
	return &t, nil
}

// preprocessOf is what a network expects of a picture. It lists the channels as
// they are fed, Preprocess red first.
func preprocessOf(in nn.Input) Preprocess {
	mean, std := in.Mean, in.Std
	for i := range std {
		if std[i] == 0 {
			std[i] = 1
		}
	}
	if in.BGR {
		mean[0], mean[2] = mean[2], mean[0]
		std[0], std[2] = std[2], std[0]
	}
	return Preprocess{Size: in.Size, Mean: mean, Std: std, BGR: in.BGR}
}
