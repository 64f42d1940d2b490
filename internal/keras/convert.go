package keras

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/argus-go/argus/nn"
)

// A converter gives nn's layer for a Keras layer, nil where it does nothing to a
// picture. What it does not set of n it leaves to convert.
type converter func(n *node) (nn.Layer, error)

// converters are the layers that are read. Names that differ are Keras 1's, of
// Keras 2.0's fork for EfficientNet, and of Keras' own InceptionResNetV2.
var converters = map[string]converter{
	"Conv2D":                 convertConv(nn.Full),
	"Convolution2D":          convertConv(nn.Full),
	"DepthwiseConv2D":        convertConv(nn.Depthwise),
	"SeparableConv2D":        convertConv(nn.Separable),
	"SeparableConvolution2D": convertConv(nn.Separable),
	"BatchNormalization":     convertNorm,
	"Dense":                  convertDense,
	"Activation":             convertActivation,
	"ReLU":                   convertReLU,
	"Softmax":                convertSoftmax,
	"Swish":                  func(*node) (nn.Layer, error) { return nn.Act{Kind: nn.Swish}, nil },
	"MaxPooling2D":           convertPool(nn.Max),
	"AveragePooling2D":       convertPool(nn.Avg),
	"GlobalMaxPooling2D":     convertGlobalPool(nn.Max),
	"GlobalAveragePooling2D": convertGlobalPool(nn.Avg),
	"Dropout":                convertDropout,
	"FixedDropout":           convertDropout,
	"SpatialDropout2D":       nothing,
	"GaussianDropout":        nothing,
	"GaussianNoise":          nothing,
	"ActivityRegularization": nothing,
	"RandomBrightness":       nothing,
	"RandomContrast":         nothing,
	"RandomFlip":             nothing,
	"RandomRotation":         nothing,
	"RandomTranslation":      nothing,
	"RandomZoom":             nothing,
	"Flatten":                nothing,
	"Reshape":                nothing,
	"ZeroPadding2D":          convertPadding,
	"Rescaling":              convertRescaling,
	"Add":                    convertAdd,
	"Concatenate":            convertConcat,
	"Multiply":               convertMultiply,
	"Merge":                  convertMerge,
	"CustomScaleLayer":       convertScaled,
	"Lambda":                 convertLambda,
}

func nothing(*node) (nn.Layer, error) { return nil, nil }

// convert sets n's layer and the shape of its output.
func convert(n *node) error {
	c, ok := converters[n.Class]
	switch {
	case !n.trusted():
		return fmt.Errorf("is of module %q: only layers of Keras itself are read, and nothing is imported or run", n.Module)
	case !ok && n.Registered != "":
		return fmt.Errorf("is a layer of the user's own (%q): its code is not in the file", n.Registered)
	case !ok:
		return fmt.Errorf("no such layer is known")
	}
	if joins := slices.Contains([]string{"Add", "Concatenate", "Multiply", "Merge", "CustomScaleLayer", "Lambda"}, n.Class); joins != (len(n.inputs) > 1) {
		if n.Class != "Lambda" {
			return fmt.Errorf("has %d inputs", len(n.inputs))
		}
	}
	if format, err := n.Config.text("channels_last", "data_format", "dim_ordering"); err != nil || format != "channels_last" && format != "tf" && format != "default" {
		return fmt.Errorf("data format %q: only pictures with channels last are read", format)
	}
	for _, in := range n.inputs {
		if in.pads != nil && !slices.Contains([]string{"Conv2D", "Convolution2D", "DepthwiseConv2D", "SeparableConv2D", "SeparableConvolution2D", "MaxPooling2D"}, n.Class) {
			return fmt.Errorf("follows the padding %q, which only convolutions and max pools may", in.name)
		}
	}
	layer, err := c(n)
	if err != nil {
		return err
	}
	n.layer = layer
	return n.measure()
}

// measure finds the shape of n's output.
func (n *node) measure() error {
	in := n.inputs[0]
	n.out, n.flat = in.out, in.flat
	if slices.ContainsFunc(n.inputs, func(in *node) bool { return in.flat }) && !n.takesFlat() {
		return fmt.Errorf("follows a Flatten of more than a pixel: only dense layers may")
	}
	switch l := n.layer.(type) {
	case nil:
		return n.measureNothing()
	case nn.Concat:
		n.out.C = 0
		for _, in := range n.inputs {
			n.out.C += in.out.C
		}
		return nil
	case nn.Add:
		return nil
	case nn.Gate:
		for _, in := range n.inputs {
			n.out = nn.Shape{H: max(n.out.H, in.out.H), W: max(n.out.W, in.out.W), C: in.out.C}
		}
		return nil
	case nn.Dense:
		if in.out.H != 1 || in.out.W != 1 {
			return fmt.Errorf("is dense over each of %d×%d pixels", in.out.H, in.out.W)
		}
		n.out, n.flat = nn.Shape{H: 1, W: 1, C: l.Units}, false
		return nil
	}
	out, err := nn.OutShape(n.layer, in.out)
	n.out = out
	return err
}

// takesFlat says whether n does the same to a grid as to its numbers in a row.
func (n *node) takesFlat() bool {
	switch l := n.layer.(type) {
	case nil, nn.Dense, nn.Dropout:
		return true
	case nn.Act:
		return l.Kind != nn.Softmax
	}
	return false
}

// measureNothing checks what changes the shape but not the numbers.
func (n *node) measureNothing() error {
	in := n.inputs[0].out
	switch n.Class {
	case "Flatten":
		n.flat = n.flat || in.H*in.W > 1
		n.out = nn.Shape{H: 1, W: 1, C: in.Size()}
	case "Reshape":
		var to []int
		if _, err := n.Config.read(&to, "target_shape"); err != nil {
			return err
		}
		if in.H != 1 || in.W != 1 || !slices.Equal(to, []int{1, 1, in.C}) && !slices.Equal(to, []int{in.C}) && !slices.Equal(to, []int{1, 1, -1}) {
			return fmt.Errorf("makes %v of %v", to, in)
		}
	}
	return nil
}

// activations are Keras' names of nn's activations; relu6 is MobileNet's own.
var activations = map[string]nn.Activation{
	"linear": nn.Linear, "relu": nn.ReLU, "relu6": nn.ReLU6, "swish": nn.Swish, "silu": nn.Swish,
	"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "softmax": nn.Softmax,
}

// activation reads the name of an activation, which Keras 3 may wrap in an
// object. An object is a name and no more: nothing is looked up or run.
func (n *node) activation() (nn.Activation, error) {
	raw, ok := n.Config["activation"]
	if !ok || string(raw) == "null" {
		return nn.Linear, nil
	}
	var name string
	if json.Unmarshal(raw, &name) != nil {
		var wrapped layerConfig
		var own struct{ Config json.RawMessage }
		if json.Unmarshal(raw, &own) != nil {
			return 0, fmt.Errorf("activation %.60s", raw)
		}
		if json.Unmarshal(own.Config, &name) != nil {
			if err := json.Unmarshal(raw, &wrapped); err != nil || !wrapped.trusted() {
				return 0, fmt.Errorf("activation %.200s: only Keras' own are read, and nothing is imported or run", raw)
			}
			name = wrapped.Class
		}
	}
	a, ok := activations[strings.ToLower(name)]
	if !ok {
		return 0, fmt.Errorf("activation %.60q is not known", name)
	}
	return a, nil
}

func convertConv(kind nn.ConvKind) converter {
	return func(n *node) (nn.Layer, error) {
		l := nn.Conv{Name: n.name, Kind: kind}
		s := n.Config
		kernel, err := s.pair(0, "kernel_size")
		if err != nil {
			return nil, err
		}
		if _, old := s["nb_row"]; old {
			for i, name := range []string{"nb_row", "nb_col"} {
				if kernel[i], err = s.integer(0, name); err != nil {
					return nil, err
				}
			}
		}
		l.Kernel = kernel
		if kind != nn.Depthwise {
			if l.Filters, err = s.integer(0, "filters", "nb_filter"); err != nil {
				return nil, err
			}
		}
		if l.Stride, l.Pad, l.Pads, err = n.window(); err != nil {
			return nil, err
		}
		if l.Bias, err = s.flag(true, "use_bias", "bias"); err != nil {
			return nil, err
		}
		if l.Act, err = n.activation(); err != nil {
			return nil, err
		}
		for _, name := range []string{"dilation_rate", "groups", "depth_multiplier"} {
			v, err := s.pair(1, name)
			if err != nil || v != [2]int{1, 1} {
				return nil, fmt.Errorf("%s is %v, only 1 is read", name, v)
			}
		}
		return l, nil
	}
}

// window reads strides and padding, those of a ZeroPadding2D before included.
func (n *node) window() (stride int, pad nn.Padding, pads [4]int, err error) {
	standard := [2]int{1, 1}
	if strings.HasSuffix(n.Class, "Pooling2D") {
		if standard, err = n.Config.pair(2, "pool_size"); err != nil {
			return 0, 0, pads, err
		}
	}
	strides, err := n.Config.pair(standard[0], "strides", "subsample")
	if err != nil {
		return 0, 0, pads, err
	}
	if strides[0] != strides[1] || strides[0] < 1 {
		return 0, 0, pads, fmt.Errorf("strides are %v, want two equal ones", strides)
	}
	mode, err := n.Config.text("valid", "padding", "border_mode")
	if err != nil {
		return 0, 0, pads, err
	}
	switch before := n.inputs[0].pads; {
	case mode == "same" && before != nil:
		return 0, 0, pads, fmt.Errorf("padding %q after ZeroPadding2D", mode)
	case mode == "same":
		pad = nn.Same
	case mode != "valid":
		return 0, 0, pads, fmt.Errorf("padding is %q, want same or valid", mode)
	case before != nil:
		pad, pads = nn.Explicit, *before
	default:
		pad = nn.Valid
	}
	return strides[0], pad, pads, nil
}

func convertPadding(n *node) (nn.Layer, error) {
	var p [2]ints
	var flat ints
	pads := [4]int{}
	if _, err := n.Config.read(&flat, "padding"); err == nil && len(flat) > 0 && len(flat) <= 2 { // symmetric
		pads = [4]int{flat[0], flat[0], flat[len(flat)-1], flat[len(flat)-1]}
	} else if _, err := n.Config.read(&p, "padding"); err != nil || len(p[0]) != 2 || len(p[1]) != 2 {
		return nil, fmt.Errorf("padding is %.60s", n.Config["padding"])
	} else {
		pads = [4]int{p[0][0], p[0][1], p[1][0], p[1][1]}
	}
	n.pads = &pads
	return nil, nil
}

func convertPool(kind nn.PoolKind) converter {
	return func(n *node) (nn.Layer, error) {
		size, err := n.Config.pair(2, "pool_size")
		if err != nil {
			return nil, err
		}
		if size[0] != size[1] {
			return nil, fmt.Errorf("window is %v, want a square", size)
		}
		l := nn.Pool{Kind: kind, Window: size[0]}
		l.Stride, l.Pad, l.Pads, err = n.window()
		if padded := n.inputs[0]; err == nil && padded.pads != nil && !padded.inputs[0].positive() {
			err = fmt.Errorf("takes zeros of %q for a maximum over numbers that may all be negative", padded.name)
		}
		return l, err
	}
}

// positive says whether a node gives no negative numbers.
func (n *node) positive() bool {
	act := nn.Linear
	switch l := n.layer.(type) {
	case nil:
		return len(n.inputs) == 1 && n.inputs[0].positive()
	case nn.Act:
		act = l.Kind
	case nn.Conv:
		act = l.Act
	}
	return slices.Contains([]nn.Activation{nn.ReLU, nn.ReLU6, nn.Sigmoid}, act)
}

func convertGlobalPool(kind nn.PoolKind) converter {
	return func(*node) (nn.Layer, error) { return nn.GlobalPool{Kind: kind}, nil }
}

func convertNorm(n *node) (nn.Layer, error) {
	l := nn.Norm{Name: n.name}
	eps, err := n.Config.number(1e-3, "epsilon")
	if err != nil {
		return nil, err
	}
	momentum, err := n.Config.number(0.99, "momentum")
	if err != nil {
		return nil, err
	}
	scale, err := n.Config.flag(true, "scale")
	if err != nil {
		return nil, err
	}
	center, err := n.Config.flag(true, "center")
	if err != nil {
		return nil, err
	}
	axis := ints{-1}
	if _, err := n.Config.read(&axis, "axis"); err != nil {
		return nil, err
	}
	if a := axis; len(a) != 1 || a[0] != -1 && a[0] != 3 && !(a[0] == 1 && n.inputs[0].out.H == 1 && n.inputs[0].out.W == 1) {
		return nil, fmt.Errorf("axis is %v, want the channels", []int(axis))
	}
	if mode, err := n.Config.integer(0, "mode"); err != nil || mode != 0 && mode != 2 {
		return nil, fmt.Errorf("mode is %d", mode)
	}
	l.BatchNorm = nn.BatchNorm{Eps: float32(eps), Momentum: float32(momentum), NoScale: !scale, NoCenter: !center}
	return l, nil
}

func convertDense(n *node) (nn.Layer, error) {
	l := nn.Dense{Name: n.name}
	var err error
	if l.Units, err = n.Config.integer(0, "units", "output_dim"); err != nil {
		return nil, err
	}
	bias, err := n.Config.flag(true, "use_bias", "bias")
	if err != nil {
		return nil, err
	}
	l.NoBias = !bias
	l.Act, err = n.activation()
	return l, err
}

func convertActivation(n *node) (nn.Layer, error) {
	kind, err := n.activation()
	return nn.Act{Kind: kind}, err
}

func convertSoftmax(n *node) (nn.Layer, error) {
	axis := ints{-1}
	if _, err := n.Config.read(&axis, "axis"); err != nil || len(axis) != 1 || axis[0] != -1 {
		return nil, fmt.Errorf("axis is %v, want -1", []int(axis))
	}
	return nn.Act{Kind: nn.Softmax}, nil
}

func convertReLU(n *node) (nn.Layer, error) {
	most := math.Inf(1)
	if _, err := n.Config.read(&most, "max_value"); err != nil {
		return nil, err
	}
	for _, name := range []string{"negative_slope", "threshold"} {
		var v floats
		if _, err := n.Config.read(&v, name); err != nil || slices.ContainsFunc(v, func(x float32) bool { return x != 0 }) {
			return nil, fmt.Errorf("%s is %v, only 0 is read", name, v)
		}
	}
	switch {
	case math.IsInf(most, 1):
		return nn.Act{Kind: nn.ReLU}, nil
	case most == 6:
		return nn.Act{Kind: nn.ReLU6}, nil
	}
	return nil, fmt.Errorf("max_value is %v, only 6 is read", most)
}

func convertDropout(n *node) (nn.Layer, error) {
	rate, err := n.Config.number(0, "rate", "p")
	if err != nil {
		return nil, err
	}
	var noise []*int
	if _, err := n.Config.read(&noise, "noise_shape"); err != nil {
		return nil, err
	}
	return nn.Dropout{Rate: float32(rate), Path: len(noise) == 4}, nil
}

func convertRescaling(n *node) (nn.Layer, error) {
	l := nn.Scale{}
	for name, to := range map[string]*[]float32{"scale": &l.Mul, "offset": &l.Add} {
		var v floats
		if _, err := n.Config.read(&v, name); err != nil {
			return nil, err
		}
		*to = v
	}
	return l, nil
}

func convertAdd(n *node) (nn.Layer, error) {
	for _, in := range n.inputs {
		if in.out != n.inputs[0].out {
			return nil, fmt.Errorf("adds %v to %v", in.out, n.inputs[0].out)
		}
	}
	return nn.Add{}, nil
}

func convertConcat(n *node) (nn.Layer, error) {
	if axis, err := n.Config.integer(-1, "axis", "concat_axis"); err != nil || axis != -1 && axis != 3 {
		return nil, fmt.Errorf("axis is %d, want the channels", axis)
	}
	for _, in := range n.inputs {
		if first := n.inputs[0].out; in.out.H != first.H || in.out.W != first.W {
			return nil, fmt.Errorf("joins %v to %v", in.out, first)
		}
	}
	return nn.Concat{}, nil
}

func convertMultiply(*node) (nn.Layer, error) { return nn.Gate{}, nil }

// convertMerge is for Keras 1.
func convertMerge(n *node) (nn.Layer, error) {
	mode, err := n.Config.text("", "mode")
	if err != nil {
		return nil, err
	}
	if kind, err := n.Config.text("", "mode_type"); err != nil || kind != "raw" && kind != "" {
		return nil, fmt.Errorf("mode is code: it is never run")
	}
	switch mode {
	case "concat":
		return convertConcat(n)
	case "sum":
		return convertAdd(n)
	case "mul":
		return convertMultiply(n)
	}
	return nil, fmt.Errorf("mode is %q, want concat, sum or mul", mode)
}

// convertScaled is InceptionResNetV2's residual: x + scale·branch.
func convertScaled(n *node) (nn.Layer, error) {
	scale, err := n.Config.number(1, "scale")
	if err != nil {
		return nil, err
	}
	return scaled(n, scale)
}

func scaled(n *node, scale float64) (nn.Layer, error) {
	if len(n.inputs) != 2 {
		return nil, fmt.Errorf("has %d inputs, want 2", len(n.inputs))
	}
	if _, err := convertAdd(n); err != nil {
		return nil, err
	}
	if !(math.Abs(scale) > 1e-6 && math.Abs(scale) < 1e6) {
		return nil, fmt.Errorf("scale is %v", scale)
	}
	return nn.Add{Scale: float32(scale)}, nil
}

// residualName is what the residuals of Keras 2's InceptionResNetV2 are called,
// whose code is in the file and stays there: the names say what it is.
var residualName = regexp.MustCompile(`^block(35|17|8)_\d+$`)

func convertLambda(n *node) (nn.Layer, error) {
	var arguments map[string]float64
	_, err := n.Config.read(&arguments, "arguments")
	if scale, ok := arguments["scale"]; err == nil && ok && len(arguments) == 1 && len(n.inputs) == 2 && residualName.MatchString(n.layerConfig.name()) {
		return scaled(n, scale)
	}
	return nil, fmt.Errorf("holds code, which is never run")
}
