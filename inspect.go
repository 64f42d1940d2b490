package argus

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/argus-go/argus/internal/keras"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/torch"
	"github.com/argus-go/argus/internal/torchnet"
	"github.com/argus-go/argus/nn"
)

// FileInfo is what a file of weights says of itself. It marshals to JSON.
type FileInfo struct {
	Format     string            `json:"format"`             // "argus model", "Keras HDF5 weights", "safetensors", "PyTorch zip", …
	Writer     string            `json:"writer,omitempty"`   // "Keras 3.15.1 with tensorflow", as far as the file says
	Bytes      int64             `json:"bytes"`              // size of the file
	Network    string            `json:"network,omitempty"`  // name of the network, in a model of argus
	Labels     []string          `json:"labels,omitempty"`   // classes, in a model of argus
	Origin     nn.Origin         `json:"origin,omitzero"`    // of the weights, in a model of argus
	Metadata   map[string]string `json:"metadata,omitempty"` // of a safetensors file
	Tensors    []TensorInfo      `json:"tensors"`            // in the order of the file; of safetensors by name
	Parameters int64             `json:"parameters"`         // values in tensors of floats
	Fits       []string          `json:"fits,omitempty"`     // the networks given to Inspect whose weights these are
}

// TensorInfo describes one tensor as its file has it.
type TensorInfo struct {
	Name  string `json:"name"`
	DType string `json:"dtype"` // "float32"
	Shape []int  `json:"shape"` // empty for a scalar
}

// Inspect says what the file at path holds: a model of argus, Keras' .h5,
// .weights.h5 or .keras, safetensors, or PyTorch's .pth. Content tells, not the
// name. Of the weights no number is read, so what is wrong with those is found
// when they are loaded. Fits of the result names those of the networks for which
// all names and shapes are right: the file goes with [BackboneFrom] of each.
func Inspect(path string, networks ...nn.Model) (FileInfo, error) {
	info, err := inspect(path, networks)
	if err != nil {
		return FileInfo{}, fmt.Errorf("argus: inspect %s: %w", path, withoutPath(err))
	}
	return info, nil
}

func inspect(path string, networks []nn.Model) (FileInfo, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return FileInfo{}, err
	}
	defer f.Close()
	info := FileInfo{Bytes: size}
	var fits func(nn.Model) error
	switch {
	case keras.Is(f, size):
		fits, err = info.keras(f, size)
	case safetensors.Is(f, size):
		fits, err = info.safetensors(f, size)
	case torch.Is(f, size):
		fits, err = info.torch(f, size)
	default:
		names := []string{"argus model"}
		for _, format := range weightFormats {
			names = append(names, format.name)
		}
		err = noFormat(size, names)
	}
	if err == nil {
		err = info.count()
	}
	if err != nil {
		return FileInfo{}, err
	}
	for _, m := range networks {
		if fits(m) == nil {
			info.Fits = append(info.Fits, m.Name)
		}
	}
	return info, nil
}

func (info *FileInfo) keras(r io.ReaderAt, size int64) (func(nn.Model) error, error) {
	l, err := keras.List(r, size)
	if err != nil {
		return nil, err
	}
	info.Format = "Keras HDF5 weights"
	switch {
	case l.Archive:
		info.Format = "Keras archive"
	case l.Whole:
		info.Format = "Keras HDF5 model"
	}
	if l.Version != "" {
		info.Writer = "Keras " + l.Version
		if l.Backend != "" {
			info.Writer += " with " + l.Backend
		}
	}
	for _, a := range l.Arrays {
		info.Tensors = append(info.Tensors, TensorInfo(a))
	}
	return l.Fits, nil
}

func (info *FileInfo) torch(r io.ReaderAt, size int64) (func(nn.Model) error, error) {
	f, err := torch.New(r, size)
	if err != nil {
		return nil, err
	}
	info.Format = "PyTorch " + f.Format
	for _, name := range f.Names() {
		t, err := f.Info(name)
		if err != nil {
			return nil, err
		}
		info.Tensors = append(info.Tensors, TensorInfo(t))
	}
	return func(m nn.Model) error { return torchnet.Fits(torchnet.Torch{File: f}, m) }, nil
}

func (info *FileInfo) safetensors(r io.ReaderAt, size int64) (func(nn.Model) error, error) {
	f, err := safetensors.New(r, size)
	if err != nil {
		return nil, err
	}
	for _, name := range f.Names() {
		t, err := f.Info(name)
		if err != nil {
			return nil, err
		}
		info.Tensors = append(info.Tensors, TensorInfo{name, dtypeName(string(t.DType)), t.Shape})
	}
	info.Format, info.Metadata = "safetensors", f.Metadata()
	if info.Metadata[formatKey] == formatName {
		err = info.model()
	}
	return func(m nn.Model) error { return torchnet.Fits(torchnet.Safetensors{File: f}, m) }, err
}

// dtypeName spells the float types of safetensors as the other formats do.
func dtypeName(s string) string {
	switch s {
	case "F16", "F32", "F64":
		return "float" + s[1:]
	case "BF16":
		return "bfloat16"
	}
	return strings.ToLower(s)
}

// model reads what a model of argus says in its metadata.
func (info *FileInfo) model() error {
	if err := checkVersion(info.Metadata); err != nil {
		return err
	}
	var (
		network nn.Model
		made    Info
	)
	for key, to := range map[string]any{networkKey: &network, labelsKey: &info.Labels, infoKey: &made} {
		if err := json.Unmarshal([]byte(info.Metadata[key]), to); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	info.Format = "argus model"
	info.Writer = "argus, format " + info.Metadata[versionKey]
	info.Network, info.Origin, info.Metadata = network.Name, made.Origin, nil
	return nil
}

// count sums up the values in tensors of floats.
func (info *FileInfo) count() error {
	for _, t := range info.Tensors {
		if !strings.Contains(t.DType, "float") {
			continue
		}
		n, ok := values(t.Shape)
		info.Parameters += n
		if !ok || info.Parameters < 0 {
			return fmt.Errorf("tensor %q: no memory holds shape %v", t.Name, t.Shape)
		}
	}
	return nil
}

// values is how many values a shape has; false says that they are past counting.
func values(shape []int) (int64, bool) {
	n := uint64(1)
	for _, d := range shape {
		hi, lo := bits.Mul64(n, uint64(d))
		if hi != 0 || d < 0 || lo > 1<<62 {
			return 0, false
		}
		n = lo
	}
	return int64(n), true
}

// String is a table with a row for every tensor.
func (info FileInfo) String() string {
	var b strings.Builder
	line := func(what, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-12s%s\n", what, value)
		}
	}
	line("format", info.Format)
	line("writer", printable(info.Writer))
	line("network", printable(info.Network))
	line("source", printable(info.Origin.Source))
	line("licence", printable(info.Origin.Licence))
	if len(info.Labels) > 0 {
		line("labels", fmt.Sprintf("%d: %s", len(info.Labels), printable(strings.Join(info.Labels, ", "))))
	}
	for _, key := range slices.Sorted(maps.Keys(info.Metadata)) {
		line("metadata", printable(key+" = "+info.Metadata[key]))
	}
	line("fits", strings.Join(info.Fits, ", "))
	line("bytes", strconv.FormatInt(info.Bytes, 10))
	line("tensors", strconv.Itoa(len(info.Tensors)))
	line("parameters", strconv.FormatInt(info.Parameters, 10))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, tensor := range info.Tensors {
		n, _ := values(tensor.Shape)
		fmt.Fprintf(t, "  %s\t%s\t%d\t%v\n", printable(tensor.Name), tensor.DType, n, tensor.Shape)
	}
	t.Flush()
	return b.String()
}

// printable cuts a text of a file short, and quotes it where it would spoil a
// line.
func printable(s string) string {
	const longest = 120
	if short := []rune(s); len(short) > longest {
		s = string(short[:longest]) + "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
