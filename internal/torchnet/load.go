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
	return Place(safeSource{f}, m)
}

// LoadTorch reads the weights of m from a file of torch.save: see [Place].
func LoadTorch(r io.ReaderAt, size int64, m nn.Model) (nn.Weights, error) {
	f, err := torch.New(r, size)
	if err != nil {
		return nil, err
	}
	return Place(torchSource{f}, m)
}

type safeSource struct{ *safetensors.File }

func (s safeSource) Shape(name string) ([]int, error) {
	info, err := s.Info(name)
	return info.Shape, err
}

type torchSource struct{ *torch.File }

func (s torchSource) Shape(name string) ([]int, error) {
	info, err := s.Info(name)
	return info.Shape, err
}
