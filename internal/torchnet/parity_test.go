package torchnet_test

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
	"github.com/argus-go/argus/xception"
)

// network is the model that holds the weights of a network of torchvision or
// timm; the two share some.
func network(t testing.TB, name string) nn.Model {
	switch strings.TrimPrefix(strings.TrimPrefix(name, "torchvision/"), "timm/") {
	case "resnet50":
		return resnet.Torch50(1000)
	case "resnet101":
		return resnet.Torch101(1000)
	case "resnet152":
		return resnet.Torch152(1000)
	case "inception_v3":
		return inception.TorchV3(1000)
	case "inception_resnet_v2":
		return inception.TorchResNetV2(1000)
	case "legacy_xception":
		return xception.Torch(1000)
	}
	m, err := efficientnet.Torch(name, 1000)
	require.NoError(t, err)
	return m
}

type loader func(io.ReaderAt, int64, nn.Model) (nn.Weights, error)

func load(t testing.TB, f loader, path string, m nn.Model) nn.Weights {
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	stat, err := file.Stat()
	require.NoError(t, err)
	w, err := f(file, stat.Size(), m)
	require.NoError(t, err)
	return w
}

// The folder is written by tools/torch/parity.py: make torch.
func TestNetworksEqualTorchsOwn(t *testing.T) {
	folder := os.Getenv("ARGUS_TORCH")
	if folder == "" {
		t.Skip("ARGUS_TORCH names no folder made by tools/torch/parity.py")
	}
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	require.NoError(t, err)
	var index struct {
		Versions map[string]string
		Networks []struct {
			Name, File string
			Sizes      []int
		}
	}
	require.NoError(t, json.Unmarshal(text, &index))
	require.NotEmpty(t, index.Networks)
	t.Log(index.Versions)
	for _, n := range index.Networks {
		t.Run(n.Name, func(t *testing.T) {
			m, stem := network(t, n.Name), filepath.Join(folder, n.File)
			w := load(t, torchnet.LoadSafetensors, stem+".safetensors", m)
			require.Equal(t, w, load(t, torchnet.LoadTorch, stem+".pth", m))
			require.Equal(t, w, load(t, torchnet.LoadTorch, stem+".legacy.pth", m))
			for _, size := range n.Sizes {
				raw := floats(t, stem+"."+strconv.Itoa(size)+".bin")
				x, want := raw[:3*size*size], raw[3*size*size:]
				features, classes := want[:len(want)-1000], want[len(want)-1000:]
				in := nn.Shape{H: size, W: size, C: 3}
				far := distance(run(t, m.Body, w, in, x), features)
				farTop := distance(run(t, torchnet.Map(m.Whole(), logits), w, in, x), classes)
				t.Logf("%d×%d: features differ by %.1e of their rms, logits by %.1e", size, size, far, farTop)
				require.Less(t, far, 1e-4)
				require.Less(t, farTop, 1e-4)
			}
		})
	}
}

// logits leaves out the softmax.
func logits(l nn.Layer) nn.Layer {
	if d, ok := l.(nn.Dense); ok {
		d.Act = nn.Linear
		return d
	}
	return l
}

func floats(t testing.TB, path string) []float32 {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	v := make([]float32, len(b)/4)
	_, err = binary.Decode(b, binary.LittleEndian, v)
	require.NoError(t, err)
	return v
}

// distance is the largest difference, in parts of the rms of want.
func distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var square, far float64
	for i, v := range want {
		square += float64(v) * float64(v)
		far = math.Max(far, math.Abs(float64(got[i]-v)))
	}
	return far / math.Sqrt(square/float64(len(want)))
}

func run(t testing.TB, l nn.Layer, w nn.Weights, in nn.Shape, x []float32) []float32 {
	plan, err := nn.Freeze(l, in, w)
	require.NoError(t, err)
	y := make([]float32, plan.Out.Size())
	require.NoError(t, plan.Run(t.Context(), 0, 1, x, y))
	return y
}
