package nn

// A Layer is one of the types below. The set is closed: other packages compose
// layers, they do not add any.
type Layer interface{ layer() }

// How layers meet.
type (
	// Seq applies layers one after the other. An empty Seq is the identity.
	Seq []Layer

	// Concat joins the outputs of its branches along the channels.
	Concat []Layer

	// Add is Act(b₀ + Scale·(b₁ + b₂ + …)): a residual connection where one
	// branch is an empty Seq.
	Add struct {
		Branches []Layer
		Scale    float32    `json:",omitzero"` // 0 stands for 1
		Act      Activation `json:",omitzero"`
	}

	// Gate is x · Body(x); Body gives one number per channel (1×1×C), as in
	// squeeze-excite (arXiv:1709.01507).
	Gate struct{ Body Layer }

	// Block gives a name to a part of the network: the prefix of its
	// parameters, and a place to tap features or to cut for fine-tuning.
	Block struct {
		Name string
		Body Layer
	}
)

// What layers compute.
type (
	// Conv is a convolution, then bias, then batch norm, then activation; each
	// of the latter three may be absent. An empty Name becomes "conv1", "conv2",
	// … in the order of the enclosing Block.
	Conv struct {
		Name    string     `json:",omitzero"`
		Kind    ConvKind   `json:",omitzero"`
		Filters int        `json:",omitzero"` // output channels; 0 with Depthwise, which keeps its channels
		Kernel  [2]int     // height, width
		Stride  int        `json:",omitzero"` // 0 stands for 1
		Pad     Padding    `json:",omitzero"`
		Pads    [4]int     `json:",omitzero"` // top, bottom, left, right, with Explicit
		Bias    bool       `json:",omitzero"`
		Norm    BatchNorm  `json:",omitzero"` // the zero value is none
		Act     Activation `json:",omitzero"`
	}

	// Norm is batch normalisation on its own.
	Norm struct {
		Name string `json:",omitzero"`
		BatchNorm
	}

	// Act is an activation on its own.
	Act struct{ Kind Activation }

	// Pool takes the maximum or the mean over windows. Padding counts towards
	// neither, as in TensorFlow, unless CountPad makes it zeros, as in PyTorch's
	// mean and after Keras' ZeroPadding2D.
	Pool struct {
		Kind   PoolKind `json:",omitzero"`
		Window int
		Stride int     `json:",omitzero"` // 0 stands for 1
		Pad    Padding `json:",omitzero"`
		Pads   [4]int  `json:",omitzero"` // top, bottom, left, right, with Explicit

		CountPad bool `json:",omitzero"`
	}

	// GlobalPool takes the mean or the maximum over the whole grid: 1×1×C.
	GlobalPool struct {
		Kind PoolKind `json:",omitzero"`
	}

	// Dense multiplies the flattened input by a matrix: 1×1×Units.
	Dense struct {
		Name   string `json:",omitzero"`
		Units  int
		NoBias bool       `json:",omitzero"`
		Act    Activation `json:",omitzero"`
	}

	// Dropout zeroes values with probability Rate while training and divides
	// the others by 1-Rate. With Path it drops whole samples: stochastic depth
	// (arXiv:1603.09382).
	Dropout struct {
		Rate float32
		Path bool `json:",omitzero"`
	}

	// Scale is x·Mul + Add per channel; a single number serves all channels,
	// an absent list stands for 1 or 0.
	Scale struct {
		Mul []float32 `json:",omitempty"`
		Add []float32 `json:",omitempty"`
	}
)

// BatchNorm is (x-mean)/√(variance+Eps)·gamma + beta, over a batch while
// training and with moving statistics otherwise (arXiv:1502.03167).
type BatchNorm struct {
	Eps      float32 // always above 0 where there is a norm
	Momentum float32 `json:",omitzero"` // of the moving statistics; 0 stands for 0.99
	NoScale  bool    `json:",omitzero"` // no gamma
	NoCenter bool    `json:",omitzero"` // no beta
}

func (Seq) layer()        {}
func (Concat) layer()     {}
func (Add) layer()        {}
func (Gate) layer()       {}
func (Block) layer()      {}
func (Conv) layer()       {}
func (Norm) layer()       {}
func (Act) layer()        {}
func (Pool) layer()       {}
func (GlobalPool) layer() {}
func (Dense) layer()      {}
func (Dropout) layer()    {}
func (Scale) layer()      {}

// scale is Scale with its default.
func (l Add) scale() float32 {
	if l.Scale == 0 {
		return 1
	}
	return l.Scale
}

// A Model is a network with what its input must look like.
type Model struct {
	Name  string
	Input Input
	Body  Layer // picture → features, 1×1×F
	Top   Layer `json:",omitempty"` // features → classes; nil without

	// Cuts are the blocks that fine-tuning commonly begins at: the one that
	// trains the least first.
	Cuts []string `json:",omitempty"`
	// Aliases give taps the names that other libraries have for them. They are
	// no part of the JSON form.
	Aliases map[string]string `json:"-"`
}

// Input says which numbers a network expects of a picture: size by size
// pixels, each channel (x-Mean)/Std of the 8-bit value x.
type Input struct {
	Size    int        // default height and width
	MinSize int        `json:",omitzero"` // smallest height and width
	Mean    [3]float32 // 0–255, in the order of the channels as fed
	Std     [3]float32 // 0 stands for 1
	BGR     bool       `json:",omitzero"` // blue first
}

// Shape is the shape of the input picture.
func (in Input) Shape() Shape { return Shape{in.Size, in.Size, 3} }

// Whole is the network from picture to classes, or to features without a top.
func (m Model) Whole() Layer {
	if m.Top == nil {
		return m.Body
	}
	return Seq{m.Body, m.Top}
}
