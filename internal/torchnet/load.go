package torchnet

import (
	"io"

	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/torch"
	"github.com/argus-go/argus/nn"
)

// LoadSafetensors reads the weights of m from a safetensors file: see [Place].
func LoadSafetensors(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	f, err := safetensors.New(r, size)
	if err != nil {
		return nil, err
	}
	return Place(Safetensors{f}, m)
}

// LoadTorch reads the weights of m from a file of torch.save: see [Place].
func LoadTorch(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	f, err := torch.New(r, size)
	if err != nil {
		return nil, err
	}
	return Place(Torch{f}, m)
}

// Safetensors makes a Source of a file.
type Safetensors struct{ *safetensors.File }

// Shape is the shape of a tensor.
func (s Safetensors) Shape(name string) ([]int, error) {
	info, err := s.Info(name)
	return info.Shape, err
}

// Torch makes a Source of a file.
type Torch struct{ *torch.File }

// Shape is the shape of a tensor.
func (t Torch) Shape(name string) ([]int, error) {
	info, err := t.Info(name)
	return info.Shape, err
}
