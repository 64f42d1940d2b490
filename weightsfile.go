package argus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/torch"
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
)

// A weightFormat is a kind of file that holds a network's weights.
type weightFormat struct {
	name string
	is   func(r io.ReaderAt, size int64) bool
	load func(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error)
}

// weightFormats are the files that BackboneFrom reads, told by content.
var weightFormats = []weightFormat{
	{"Keras (.h5, .weights.h5, .keras)", keras.Is, keras.Load},
	{"safetensors", safetensors.Is, torchnet.LoadSafetensors},
	{"PyTorch (.pth)", torch.Is, torchnet.LoadTorch},
}

// BackboneFrom is model with the weights of the file at path, which are read
// when they are first needed. The file's content says what it is, not its name:
//
//   - .h5 of Keras 1, 2 and 3, weights and whole models, .weights.h5 and .keras.
//     Layers are matched by name where they have the names of the EfficientNet
//     family or of Keras 2.2's ResNet50, else by order, as Keras does;
//   - safetensors and PyTorch's .pth (the state_dict, or a checkpoint that has
//     one) with the tensor names of torchvision or timm. PyTorch's networks
//     compute a little otherwise than Keras' of the same name, so the model must be
//     one of theirs: resnet.Torch50, inception.TorchV3, inception.TorchResNetV2,
//     xception.Torch or efficientnet.Torch; others are refused. A safetensors
//     file may have the model's own names instead.
//
// A file without the top's weights will do where only the body is needed. A file
// that does not fit is an [nn.ErrWeights] that lists all mismatches. Set Classes
// of the result to predict with the file's own top ([Pretrained]).
func BackboneFrom(model nn.Model, path string) nn.Backbone {
	return nn.Backbone{
		Model:  model,
		Origin: nn.Origin{Source: filepath.Base(path)},
		Weights: func(ctx context.Context, progress func(done, total int64)) (nn.Weights, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			w, size, err := readWeights(model, path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
			}
			if progress != nil {
				progress(size, size)
			}
			return w, nil
		},
	}
}

func readWeights(model nn.Model, path string) (nn.Weights, int64, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	names := make([]string, len(weightFormats))
	for i, format := range weightFormats {
		if format.is(f, size) {
			w, err := format.load(f, size, model)
			return w, size, err
		}
		names[i] = format.name
	}
	return nil, 0, noFormat(size, names)
}

// openRegular opens a file that has a size. It asks before it opens, which a
// named pipe would make wait.
func openRegular(path string) (f *os.File, size int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("is not a regular file: %v", info.Mode())
	}
	if f, err = os.Open(path); err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// noFormat says that a file is none of the named formats.
func noFormat(size int64, names []string) error {
	if size == 0 {
		return errors.New("the file is empty")
	}
	return fmt.Errorf("is none of the formats read: %s", strings.Join(names, ", "))
}
