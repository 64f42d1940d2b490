package conv

// A layer is a convolution of a network that is declared in this repository:
// the input's size, the kernel, the stride of both directions, TensorFlow's
// padding, and how many layers of the network have this shape.
type layer struct {
	h, w, cin   int
	kh, kw      int
	stride      int
	same        bool
	cout, times int
}

// shape returns the layer's geometry.
func (l layer) shape() Shape {
	s := Shape{H: l.h, W: l.w, Cin: l.cin, Cout: l.cout, KH: l.kh, KW: l.kw, StrideH: l.stride, StrideW: l.stride}
	size := func(in, k int) (out, before int) {
		if !l.same {
			return (in-k)/l.stride + 1, 0
		}
		out = (in + l.stride - 1) / l.stride
		return out, max(0, (out-1)*l.stride+k-in) / 2
	}
	s.OutH, s.Top = size(l.h, l.kh)
	s.OutW, s.Left = size(l.w, l.kw)
	return s
}

// inceptionV3 has the full convolutions of Inception v3 at 299×299.
var inceptionV3 = []layer{
	{299, 299, 3, 3, 3, 2, false, 32, 1},
	{149, 149, 32, 3, 3, 1, false, 32, 1},
	{147, 147, 32, 3, 3, 1, true, 64, 1},
	{73, 73, 64, 1, 1, 1, false, 80, 1},
	{73, 73, 80, 3, 3, 1, false, 192, 1},
	{35, 35, 192, 1, 1, 1, true, 64, 2},
	{35, 35, 192, 1, 1, 1, true, 48, 1},
	{35, 35, 48, 5, 5, 1, true, 64, 3},
	{35, 35, 64, 3, 3, 1, true, 96, 4},
	{35, 35, 96, 3, 3, 1, true, 96, 3},
	{35, 35, 192, 1, 1, 1, true, 32, 1},
	{35, 35, 256, 1, 1, 1, true, 64, 3},
	{35, 35, 256, 1, 1, 1, true, 48, 1},
	{35, 35, 288, 1, 1, 1, true, 64, 4},
	{35, 35, 288, 1, 1, 1, true, 48, 1},
	{35, 35, 288, 3, 3, 2, false, 384, 1},
	{35, 35, 96, 3, 3, 2, false, 96, 1},
	{17, 17, 768, 1, 1, 1, true, 192, 12},
	{17, 17, 768, 1, 1, 1, true, 128, 2},
	{17, 17, 128, 1, 7, 1, true, 128, 2},
	{17, 17, 128, 7, 1, 1, true, 192, 1},
	{17, 17, 128, 7, 1, 1, true, 128, 2},
	{17, 17, 128, 1, 7, 1, true, 192, 1},
	{17, 17, 768, 1, 1, 1, true, 160, 4},
	{17, 17, 160, 1, 7, 1, true, 160, 4},
	{17, 17, 160, 7, 1, 1, true, 192, 2},
	{17, 17, 160, 7, 1, 1, true, 160, 4},
	{17, 17, 160, 1, 7, 1, true, 192, 2},
	{17, 17, 192, 1, 7, 1, true, 192, 4},
	{17, 17, 192, 7, 1, 1, true, 192, 4},
	{17, 17, 192, 3, 3, 2, false, 320, 1},
	{17, 17, 192, 3, 3, 2, false, 192, 1},
	{8, 8, 1280, 1, 1, 1, true, 320, 1},
	{8, 8, 1280, 1, 1, 1, true, 384, 1},
	{8, 8, 384, 1, 3, 1, true, 384, 4},
	{8, 8, 384, 3, 1, 1, true, 384, 4},
	{8, 8, 1280, 1, 1, 1, true, 448, 1},
	{8, 8, 448, 3, 3, 1, true, 384, 2},
	{8, 8, 1280, 1, 1, 1, true, 192, 1},
	{8, 8, 2048, 1, 1, 1, true, 320, 1},
	{8, 8, 2048, 1, 1, 1, true, 384, 1},
	{8, 8, 2048, 1, 1, 1, true, 448, 1},
	{8, 8, 2048, 1, 1, 1, true, 192, 1},
}

// efficientNetB0 has the full convolutions of EfficientNet-B0 at 224×224.
var efficientNetB0 = []layer{
	{224, 224, 3, 3, 3, 2, true, 32, 1},
	{1, 1, 32, 1, 1, 1, true, 8, 1},
	{1, 1, 8, 1, 1, 1, true, 32, 1},
	{112, 112, 32, 1, 1, 1, true, 16, 1},
	{112, 112, 16, 1, 1, 1, true, 96, 1},
	{1, 1, 96, 1, 1, 1, true, 4, 1},
	{1, 1, 4, 1, 1, 1, true, 96, 1},
	{56, 56, 96, 1, 1, 1, true, 24, 1},
	{56, 56, 24, 1, 1, 1, true, 144, 2},
	{1, 1, 144, 1, 1, 1, true, 6, 2},
	{1, 1, 6, 1, 1, 1, true, 144, 2},
	{56, 56, 144, 1, 1, 1, true, 24, 1},
	{28, 28, 144, 1, 1, 1, true, 40, 1},
	{28, 28, 40, 1, 1, 1, true, 240, 2},
	{1, 1, 240, 1, 1, 1, true, 10, 2},
	{1, 1, 10, 1, 1, 1, true, 240, 2},
	{28, 28, 240, 1, 1, 1, true, 40, 1},
	{14, 14, 240, 1, 1, 1, true, 80, 1},
	{14, 14, 80, 1, 1, 1, true, 480, 3},
	{1, 1, 480, 1, 1, 1, true, 20, 3},
	{1, 1, 20, 1, 1, 1, true, 480, 3},
	{14, 14, 480, 1, 1, 1, true, 80, 2},
	{14, 14, 480, 1, 1, 1, true, 112, 1},
	{14, 14, 112, 1, 1, 1, true, 672, 3},
	{1, 1, 672, 1, 1, 1, true, 28, 3},
	{1, 1, 28, 1, 1, 1, true, 672, 3},
	{14, 14, 672, 1, 1, 1, true, 112, 2},
	{7, 7, 672, 1, 1, 1, true, 192, 1},
	{7, 7, 192, 1, 1, 1, true, 1152, 4},
	{1, 1, 1152, 1, 1, 1, true, 48, 4},
	{1, 1, 48, 1, 1, 1, true, 1152, 4},
	{7, 7, 1152, 1, 1, 1, true, 192, 3},
	{7, 7, 1152, 1, 1, 1, true, 320, 1},
	{7, 7, 320, 1, 1, 1, true, 1280, 1},
}

// resNet50 has the full convolutions of ResNet-50 at 224×224.
var resNet50 = []layer{
	{224, 224, 3, 7, 7, 2, true, 64, 1},
	{56, 56, 64, 1, 1, 1, true, 64, 1},
	{56, 56, 64, 3, 3, 1, true, 64, 3},
	{56, 56, 64, 1, 1, 1, true, 256, 4},
	{56, 56, 256, 1, 1, 1, true, 64, 2},
	{56, 56, 256, 1, 1, 2, true, 512, 1},
	{56, 56, 256, 1, 1, 2, true, 128, 1},
	{28, 28, 128, 3, 3, 1, true, 128, 4},
	{28, 28, 128, 1, 1, 1, true, 512, 4},
	{28, 28, 512, 1, 1, 1, true, 128, 3},
	{28, 28, 512, 1, 1, 2, true, 1024, 1},
	{28, 28, 512, 1, 1, 2, true, 256, 1},
	{14, 14, 256, 3, 3, 1, true, 256, 6},
	{14, 14, 256, 1, 1, 1, true, 1024, 6},
	{14, 14, 1024, 1, 1, 1, true, 256, 5},
	{14, 14, 1024, 1, 1, 2, true, 2048, 1},
	{14, 14, 1024, 1, 1, 2, true, 512, 1},
	{7, 7, 512, 3, 3, 1, true, 512, 3},
	{7, 7, 512, 1, 1, 1, true, 2048, 3},
	{7, 7, 2048, 1, 1, 1, true, 512, 2},
}

// networks names the lists.
var networks = []struct {
	name   string
	layers []layer
}{
	{"InceptionV3", inceptionV3},
	{"EfficientNetB0", efficientNetB0},
	{"ResNet50", resNet50},
}
