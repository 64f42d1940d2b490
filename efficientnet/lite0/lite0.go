// Package lite0 carries EfficientNet-Lite0 with its ImageNet weights inside
// the program: 4.7 million parameters, 9.6 MB.
//
// It takes 224×224 RGB pictures (or any size from 32 up), NHWC, each channel
// (x-127)/128, and gives 1280 features; its top tells the 1000 classes of
// ILSVRC 2012 apart. The weights are those of Google's EfficientNet-Lite
// (tensorflow/tpu), kernels rounded to float16.
package lite0

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"maps"
	"sync"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/imagenet"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
)

//go:embed lite0.safetensors
var file []byte

// Backbone returns the network with its pretrained weights. They are decoded
// at first use and shared by all callers.
func Backbone() nn.Backbone {
	return nn.Backbone{
		Model:   efficientnet.Lite0(1000),
		Weights: weights,
		Classes: imagenet.Classes(),
		Origin: nn.Origin{
			Source:  "EfficientNet-Lite0, ImageNet; Google, github.com/tensorflow/tpu; kernels rounded to float16",
			Licence: "Apache-2.0",
			Digest:  digest(),
		},
	}
}

var digest = sync.OnceValue(func() string {
	sum := sha256.Sum256(file)
	return "sha256:" + hex.EncodeToString(sum[:])
})

var decode = sync.OnceValues(func() (nn.Weights, error) {
	f, err := safetensors.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("lite0: %w", err)
	}
	w := nn.Weights{}
	for _, name := range f.Names() {
		data, shape, err := f.Float32(name)
		if err != nil {
			return nil, fmt.Errorf("lite0: %w", err)
		}
		w[name] = nn.Tensor{Shape: shape, Data: data}
	}
	return w, nil
})

// weights gives each caller a map of its own; the tensors are shared.
func weights(ctx context.Context, progress func(done, total int64)) (nn.Weights, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, err := decode()
	if err != nil {
		return nil, err
	}
	if progress != nil {
		progress(int64(len(file)), int64(len(file)))
	}
	return maps.Clone(w), nil
}
