package argus

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"unicode/utf8"

	"github.com/argus-go/argus/internal/atomicfile"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/nn"
)

// The metadata of a model file; see docs/format.md.
const (
	formatName    = "argus"
	formatVersion = 1

	formatKey     = "format"
	versionKey    = "version"
	networkKey    = "network"
	labelsKey     = "labels"
	preprocessKey = "preprocess"
	infoKey       = "info"
)

// Save writes c to one self-contained file at path: the network, its weights,
// the classes, the preprocessing and the Info. The file appears whole or not at
// all; on an error what was at path stays.
func (c *Classifier) Save(path string) error {
	tensors, metadata, err := c.content()
	if err == nil {
		err = atomicfile.Write(path, 0o666, func(w io.Writer) error { return safetensors.Write(w, tensors, metadata) })
	}
	if err != nil {
		return fmt.Errorf("argus: save %s: %w", path, err)
	}
	return nil
}

// WriteTo writes to w what Save writes to a file, and returns how many bytes
// that took.
func (c *Classifier) WriteTo(w io.Writer) (int64, error) {
	tensors, metadata, err := c.content()
	counted := &countingWriter{w: w}
	if err == nil {
		err = safetensors.Write(counted, tensors, metadata)
	}
	if err != nil {
		return counted.n, fmt.Errorf("argus: save: %w", err)
	}
	return counted.n, nil
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (w *countingWriter) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	return n, err
}

// content is what a model file holds.
func (c *Classifier) content() ([]safetensors.Tensor, map[string]string, error) {
	s, err := c.fitted(context.Background())
	if err != nil {
		return nil, nil, err
	}
	weights, err := s.all()
	if err != nil {
		return nil, nil, err
	}
	if err := weights.Check(s.model.Whole(), s.prep.shape(), true); err != nil {
		return nil, nil, err
	}
	for _, label := range c.classes {
		if !utf8.ValidString(label) {
			return nil, nil, fmt.Errorf("class %q is not valid UTF-8", label)
		}
	}
	metadata := map[string]string{formatKey: formatName, versionKey: strconv.Itoa(formatVersion)}
	for key, value := range map[string]any{networkKey: s.model, labelsKey: c.classes, preprocessKey: s.prep, infoKey: s.info} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", key, err)
		}
		metadata[key] = string(text)
	}
	tensors := make([]safetensors.Tensor, 0, len(weights))
	for name, t := range weights {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: t.Shape, Data: t.Data})
	}
	metadata[safetensors.DigestKey], err = safetensors.Digest(tensors, metadata)
	return tensors, metadata, err
}

// LoadClassifier reads a file that Save wrote. Errors name it and say what is
// wrong with it. The classifier can be fitted again; its backbone is then its
// own body.
//
// To predict takes the weights in one form, packed. Fit, Save and what else needs
// them as they are in the file reads them from there again: it stays open until
// nobody has the classifier any more (on Windows it is kept in memory). It may be
// removed or another put in its place, but one that is written over is an error
// then.
func LoadClassifier(path string) (*Classifier, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("argus: model %s: %w", path, withoutPath(err))
	}
	return loadFile(f, path)
}

// LoadClassifierFS is LoadClassifier for a file of fsys, an embed.FS for
// example.
func LoadClassifierFS(fsys fs.FS, name string) (*Classifier, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("argus: model %s: %w", name, withoutPath(err))
	}
	return loadFile(f, name)
}

// ReadClassifier is LoadClassifier for what r reads, to its end, and keeps.
func ReadClassifier(r io.Reader) (*Classifier, error) {
	c, err := readClassifier(r)
	if err != nil {
		return nil, fmt.Errorf("argus: model: %w", err)
	}
	return c, nil
}

// loadFile closes f unless the classifier goes on reading from it.
func loadFile(f fs.File, name string) (*Classifier, error) {
	c, kept, err := openClassifier(f)
	if !kept {
		f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("argus: model %s: %w", name, err)
	}
	return c, nil
}

func openClassifier(f fs.File) (c *Classifier, kept bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, false, fmt.Errorf("is not a regular file: %v", info.Mode())
	}
	file, ok := f.(*os.File)
	if !ok || runtime.GOOS == "windows" { // where a file that is open cannot be replaced
		c, err = readClassifier(f)
		return c, false, err
	}
	tensors, err := safetensors.New(file, info.Size())
	if err != nil {
		return nil, false, err
	}
	c, err = decodeClassifier(&storedModel{File: tensors}, file)
	return c, err == nil, err
}

func readClassifier(r io.Reader) (*Classifier, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Parse(data)
	if err != nil {
		return nil, err
	}
	return decodeClassifier(&storedModel{f, true}, bytes.NewReader(data))
}

// A storedModel is a model file's tensors.
type storedModel struct {
	*safetensors.File
	inMemory bool
}

// weights reads them, which on disk may be others than they were.
func (f *storedModel) weights() (nn.Weights, error) {
	if !f.inMemory {
		if err := f.Verify(); err != nil {
			return nil, fmt.Errorf("the model file has changed since it was loaded: %w", err)
		}
	}
	weights := nn.Weights{}
	for _, name := range f.Names() {
		values, shape, err := f.Float32(name)
		if err != nil {
			return nil, err
		}
		weights[name] = nn.Tensor{Shape: shape, Data: values}
	}
	return weights, nil
}

func (f *storedModel) shapes() (map[string][]int, error) {
	shapes := map[string][]int{}
	for _, name := range f.Names() {
		info, err := f.Info(name)
		if err != nil {
			return nil, err
		}
		shapes[name] = info.Shape
	}
	return shapes, nil
}

// decodeClassifier reads a model whose bytes are r's.
func decodeClassifier(f *storedModel, r io.ReaderAt) (*Classifier, error) {
	metadata := f.Metadata()
	if err := checkVersion(metadata); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Verify(), checkSpelling(r)); err != nil {
		return nil, err
	}
	var (
		model  nn.Model
		labels []string
		prep   Preprocess
		info   Info
	)
	for key, to := range map[string]any{networkKey: &model, labelsKey: &labels, preprocessKey: &prep, infoKey: &info} {
		if err := json.Unmarshal([]byte(metadata[key]), to); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	shapes, err := f.shapes()
	if err != nil {
		return nil, err
	}
	s := &snapshot{model: model, read: f.weights, prep: prep, info: info}
	freeze := func(l nn.Layer, in nn.Shape) (*nn.Plan, error) {
		return nn.FreezeFrom(l, in, func(p nn.Param, dst []float32) error { return f.ReadFloat32(p.Name, dst) })
	}
	return assemble(s, shapes, freeze, labels)
}

// checkVersion says whether metadata are of a file that this package reads.
func checkVersion(metadata map[string]string) error {
	if got := metadata[formatKey]; got != formatName {
		return fmt.Errorf("is no model of argus: metadata %q is %.40q, want %q", formatKey, got, formatName)
	}
	version, err := strconv.Atoi(metadata[versionKey])
	switch {
	case err != nil || version < 1:
		return fmt.Errorf("metadata %q is %.40q, want a number from 1", versionKey, metadata[versionKey])
	case version > formatVersion:
		return fmt.Errorf("has format version %d, this argus reads up to %d: use a newer one", version, formatVersion)
	}
	return nil
}

// checkSpelling wants the header as Save spells it, without spaces but for those
// at its end: the digest is over what the header says and would not notice a
// space that became a tab.
func checkSpelling(r io.ReaderAt) error {
	var length [8]byte
	if _, err := r.ReadAt(length[:], 0); err != nil {
		return err
	}
	header := make([]byte, binary.LittleEndian.Uint64(length[:])) // bounded by safetensors.New
	if _, err := r.ReadAt(header, int64(len(length))); err != nil && err != io.EOF {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, header); err != nil {
		return err
	}
	if !bytes.Equal(compact.Bytes(), bytes.TrimRight(header, " ")) {
		return fmt.Errorf("header is not spelled as it is saved: it has blanks between its parts")
	}
	return nil
}

// assemble makes a classifier of what stood in a file, and trusts none of it:
// shapes are those of its tensors.
func assemble(s *snapshot, shapes map[string][]int, freeze freezer, labels []string) (*Classifier, error) {
	model := s.model
	if model.Top == nil {
		return nil, fmt.Errorf("%s: the network has no top", networkKey)
	}
	if err := model.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", networkKey, err)
	}
	if err := s.prep.check(); err != nil {
		return nil, err
	}
	out, err := nn.OutShape(model.Whole(), s.prep.shape())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", networkKey, err)
	}
	if out.Size() != len(labels) {
		return nil, fmt.Errorf("%s: the network tells %d classes apart, the file names %d", labelsKey, out.Size(), len(labels))
	}
	if err := nn.CheckShapes(model.Whole(), s.prep.shape(), true, shapes); err != nil {
		return nil, err
	}
	if l := s.info.limits(); l.Bytes < 0 || l.Pixels < 0 {
		return nil, fmt.Errorf("%s: limits are %d bytes and %d pixels", infoKey, l.Bytes, l.Pixels)
	}
	source := func(context.Context, func(done, total int64)) (nn.Weights, error) { return s.all() }
	c, err := newClassifier(nn.Backbone{Model: model, Weights: source, Classes: labels, Origin: s.info.Origin}, labels)
	if err != nil {
		return nil, err
	}
	if s.runner, err = newRunner(model, freeze, s.prep.Size, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", model.Name, err)
	}
	c.now.Store(s)
	return c, nil
}

// limits are those that the network was trained under.
func (i Info) limits() Limits {
	if i.Fit == nil {
		return Limits{}
	}
	return i.Fit.Limits
}
