package argus

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argus-go/argus/hpo"
	"github.com/argus-go/argus/nn"
)

// TuneSpace is what Tune searches: a space whose parameters are named as
// TuneParams are, and points to try first.
type TuneSpace struct {
	*hpo.Space
	First []hpo.Point
}

// HeadSpace is the options of a head that matter. Features are computed once;
// a trial takes about a second for a thousand pictures.
func HeadSpace() TuneSpace {
	return TuneSpace{Space: spaceOf(
		hpo.LogReal("learning_rate", 1e-4, 3e-2),
		hpo.Real("dropout", 0, .9),
		hpo.LogReal("l2", 1e-7, 1e-2),
		hpo.Real("label_smoothing", 0, .2),
		hpo.Int("layers", 0, 2),
		hpo.LogInt("hidden", 16, 512).IfAtLeast("layers", 1),
		hpo.Categorical("act", "relu", "swish", "tanh").If("layers", 1, 2),
	)}
}

// ClassicSpace is what image-classification of decathloncanada, which this
// library replaces, searches, and its first point: the number of epochs, the
// head, and whether the network's last block is trained, too.
func ClassicSpace() TuneSpace {
	return TuneSpace{
		Space: spaceOf(
			hpo.Int("epochs", 1, 10),
			hpo.Int("hidden", 6, 2048),
			hpo.LogReal("learning_rate", 1e-6, 1e-2),
			hpo.Real("dropout", 0, .9),
			hpo.Bool("fine_tune"),
			hpo.Int("layers", 1, 3),
			hpo.Categorical("act", "relu", "tanh"),
			hpo.Bool("class_weights"),
		),
		First: []hpo.Point{{
			"epochs": 5, "hidden": 1024, "learning_rate": 1e-4, "dropout": 0., "fine_tune": true,
			"layers": 1, "act": "relu", "class_weights": true,
		}},
	}
}

// ClassicRecordSpace is its space for training on records, and the first point
// of that: one layer of ReLU, an L2 penalty, and nothing fine-tuned.
func ClassicRecordSpace() TuneSpace {
	return TuneSpace{
		Space: spaceOf(
			hpo.Int("epochs", 1, 10),
			hpo.Int("hidden", 512, 2048),
			hpo.LogReal("learning_rate", 1e-6, 1e-2),
			hpo.Real("dropout", 0, .9),
			hpo.LogReal("l2", 1e-6, 1e-2),
		),
		First: []hpo.Point{{"epochs": 2, "hidden": 1024, "learning_rate": 5e-4, "dropout": .9, "l2": 1e-3}},
	}
}

// spaceOf is for spaces that are known to make sense.
func spaceOf(params ...hpo.Param) *hpo.Space {
	s, err := hpo.NewSpace(params...)
	if err != nil {
		panic(err)
	}
	return s
}

// A tuneParam sets an option to a point's value.
type tuneParam struct {
	kinds []hpo.Kind
	set   func(o *FitOptions, p hpo.Point, name string, classes int) error
}

var (
	numeric  = []hpo.Kind{hpo.RealKind, hpo.IntKind}
	whole    = []hpo.Kind{hpo.IntKind}
	chosen   = []hpo.Kind{hpo.CategoricalKind, hpo.OrdinalKind}
	switched = []hpo.Kind{hpo.BoolKind}
)

// toFloat is a parameter that is an option's value.
func toFloat(field func(o *FitOptions) *float32) tuneParam {
	return tuneParam{numeric, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		*field(o) = float32(p.Float(name))
		return nil
	}}
}

func toInt(field func(o *FitOptions) *int) tuneParam {
	return tuneParam{whole, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		*field(o) = p.Int(name)
		return nil
	}}
}

func toBool(field func(o *FitOptions) *bool) tuneParam {
	return tuneParam{switched, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		*field(o) = p.Bool(name)
		return nil
	}}
}

func toText[T ~string](field func(o *FitOptions) *T) tuneParam {
	return tuneParam{chosen, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		*field(o) = T(p.Choice(name))
		return nil
	}}
}

// tuneParams are the names a space may have. Of those not named here only layers
// and hidden, hidden2, hidden3 are left: together they are FitOptions.Hidden.
var tuneParams = map[string]tuneParam{
	"learning_rate":   toFloat(func(o *FitOptions) *float32 { return &o.LearningRate }),
	"l2":              toFloat(func(o *FitOptions) *float32 { return &o.L2 }),
	"weight_decay":    toFloat(func(o *FitOptions) *float32 { return &o.WeightDecay }),
	"clip_norm":       toFloat(func(o *FitOptions) *float32 { return &o.ClipNorm }),
	"average":         toFloat(func(o *FitOptions) *float32 { return &o.Average }),
	"label_smoothing": toFloat(func(o *FitOptions) *float32 { return &o.LabelSmoothing }),
	"mixup":           toFloat(func(o *FitOptions) *float32 { return &o.Mixup }),
	"cutmix":          toFloat(func(o *FitOptions) *float32 { return &o.CutMix }),
	"epochs":          toInt(func(o *FitOptions) *int { return &o.Epochs }),
	"batch":           toInt(func(o *FitOptions) *int { return &o.Batch }),
	"accumulate":      toInt(func(o *FitOptions) *int { return &o.Accumulate }),
	"patience":        toInt(func(o *FitOptions) *int { return &o.Patience }),
	"norm":            toBool(func(o *FitOptions) *bool { return &o.Norm }),
	"balanced":        toBool(func(o *FitOptions) *bool { return &o.Balanced }),
	"optimizer":       toText(func(o *FitOptions) *OptimizerKind { return &o.Optimizer.Kind }),
	"schedule":        toText(func(o *FitOptions) *ScheduleKind { return &o.Schedule.Kind }),

	"fine_tune_epochs":        toInt(func(o *FitOptions) *int { return &o.FineTune.Epochs }),
	"fine_tune_batch":         toInt(func(o *FitOptions) *int { return &o.FineTune.Batch }),
	"fine_tune_learning_rate": toFloat(func(o *FitOptions) *float32 { return &o.FineTune.LearningRate }),
	"fine_tune_block_decay":   toFloat(func(o *FitOptions) *float32 { return &o.FineTune.BlockDecay }),
	"fine_tune_gradual":       toBool(func(o *FitOptions) *bool { return &o.FineTune.Gradual }),
	"fine_tune_norm":          toBool(func(o *FitOptions) *bool { return &o.FineTune.TrainNorm }),

	"dropout": {numeric, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		rate := float32(p.Float(name))
		o.Dropout = &rate
		return nil
	}},
	"act": {chosen, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		return o.Act.UnmarshalText([]byte(p.Choice(name)))
	}},
	"class_weights": {switched, func(o *FitOptions, p hpo.Point, name string, classes int) error {
		o.ClassWeights = nil // balanced
		if !p.Bool(name) {
			o.ClassWeights = slices.Repeat([]float32{1}, classes)
		}
		return nil
	}},
	"fine_tune": {switched, func(o *FitOptions, p hpo.Point, name string, _ int) error {
		if !p.Bool(name) {
			o.FineTune = FineTune{}
		}
		return nil
	}},
}

var hiddenParams = []string{"hidden", "hidden2", "hidden3"}

// TuneParams returns the names that parameters of a TuneSpace may have: as in the
// JSON of FitOptions, those of FineTune behind fine_tune_. Those that are not
// numbers there are
//
//	layers         int, 0 to 3: how many hidden layers there are
//	hidden         int: units of the first; of all where there is no hidden2, hidden3
//	act            categorical: relu, relu6, swish, sigmoid, tanh
//	class_weights  bool: weights by class counts, or all 1
//	fine_tune      bool: whether FineTune of the base counts, by default its last block
//	optimizer, schedule  categorical: an OptimizerKind, a ScheduleKind
func TuneParams() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(tuneParams)), append(hiddenParams, "layers")...)))
}

// checkSpace says whether Tune knows what the space is of.
func checkSpace(s *hpo.Space) error {
	for _, p := range s.Params() {
		kinds := tuneParams[p.Name].kinds
		if p.Name == "layers" || slices.Contains(hiddenParams, p.Name) {
			kinds = whole
		}
		if kinds == nil {
			return fmt.Errorf("there is no option %q, want some of %s", p.Name, strings.Join(TuneParams(), ", "))
		}
		if !slices.Contains(kinds, p.Kind) {
			return fmt.Errorf("option %s is of kind %s in the space, want %s", p.Name, p.Kind, kinds[0])
		}
	}
	return nil
}

// at is o with the values of a point. A block is tuned if the point or, where it
// does not say, o wants it.
func (o FitOptions) at(p hpo.Point, classes int) (FitOptions, error) {
	if p.Bool("fine_tune") && o.FineTune.From == "" && o.FineTune.Blocks == 0 {
		o.FineTune.Blocks = 1
	}
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if param, ok := tuneParams[name]; ok && name != "fine_tune" {
			if err := param.set(&o, p, name, classes); err != nil {
				return o, fmt.Errorf("option %s: %w", name, err)
			}
		}
	}
	if p.Has("fine_tune") {
		if err := tuneParams["fine_tune"].set(&o, p, "fine_tune", classes); err != nil {
			return o, err
		}
	}
	layers := len(o.Hidden)
	if p.Has("layers") {
		layers = p.Int("layers")
	} else if p.Has("hidden") {
		layers = max(1, layers)
	}
	o.Hidden = hiddenAt(o.Hidden, layers, p)
	if layers == 0 {
		o.Act = nn.Linear
	}
	return o, nil
}

// hiddenAt is the units of layers: those of the point, else those of the base,
// else of the layer before.
func hiddenAt(base []int, layers int, p hpo.Point) []int {
	var out []int
	units := 128
	for i := range layers {
		switch {
		case i < len(hiddenParams) && p.Has(hiddenParams[i]):
			units = p.Int(hiddenParams[i])
		case i < len(base) && !p.Has("hidden"):
			units = base[i]
		}
		out = append(out, units)
	}
	return out
}
