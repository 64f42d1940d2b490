package argus

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/argus-go/argus/internal/fileops"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/train"
	"github.com/argus-go/argus/nn"
)

// ErrCheckpoint says that a checkpoint cannot be continued from: it is damaged,
// or of other pictures, another network or other options.
var ErrCheckpoint = errors.New("checkpoint cannot be continued")

// Checkpoint keeps the state of training in a folder, in one file that is
// replaced whole. A Fit that was stopped in any way, and is called again with the
// same pictures, network and options, goes on from there; when it has ended the
// file is removed. A cancelled Fit writes it before it returns.
type Checkpoint struct {
	Dir string // made where it is not there; "" keeps none
	// Steps and Every say after how many changes of the weights, or how much
	// time, the state is written; default every minute.
	Steps int
	Every time.Duration

	sys fileops.System // nil stands for the disk
}

const (
	checkpointFile    = "fit.checkpoint"
	checkpointFormat  = "argus-checkpoint"
	checkpointVersion = 1
)

// The metadata of a checkpoint, beside format and version.
const (
	trainingKey = "training" // names what is trained on what
	progressKey = "progress" // a checkpointProgress
)

// checkpointProgress is how far training is.
type checkpointProgress struct {
	Stage  Stage       `json:"stage"`
	State  train.State `json:"state"`
	Epochs []Epoch     `json:"epochs"`
	Head   headResult  `json:"head"`
}

// headResult is what the head's training led to, for who continues after it.
type headResult struct {
	Best   int `json:"best"`   // its best epoch
	Epochs int `json:"epochs"` // that it took
}

// A checkpointer writes checkpoints. The methods of a nil one do nothing.
type checkpointer struct {
	Checkpoint
	path    string
	key     string
	history *History
	head    headResult

	from *checkpointProgress // to continue from; nil once it is taken
}

// openCheckpoint reads the checkpoint there is, if any, of training on the given
// rows.
func (f *fit) openCheckpoint(all rows) error {
	if f.options.Checkpoint.Dir == "" {
		return nil
	}
	key, err := f.trainingKey(all)
	if err != nil {
		return err
	}
	c := &checkpointer{Checkpoint: f.options.Checkpoint, key: key, history: f.history}
	if c.Steps == 0 && c.Every == 0 {
		c.Every = time.Minute
	}
	if c.sys == nil {
		c.sys = fileops.Disk{}
	}
	c.path = filepath.Join(c.Dir, checkpointFile)
	if err := c.sys.MkdirAll(c.Dir); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if err := c.read(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s: %w; remove it to begin anew", ErrCheckpoint, c.path, err)
	}
	if c.from != nil {
		f.history.Epochs, c.head = c.from.Epochs, c.from.Head
		f.logs.resumed(c.from.Epochs)
	}
	f.checkpoint = c
	return nil
}

// trainingKey names what a training depends on: rows, labels, options, and the
// network with its weights.
func (f *fit) trainingKey(all rows) (string, error) {
	h := sha256.New()
	options, err := json.Marshal(f.options)
	if err != nil {
		return "", err
	}
	network, err := planKey(f.before.model.Body, f.prep.shape(), f.before.weights, f.prep)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(h, "%s\n%s\n%q\n%d\n", options, network, f.c.classes, all.dim)
	b := make([]byte, 0, 4*all.dim+32)
	for i, s := range all.samples {
		b = fmt.Appendf(b[:0], "%d %s %d\n", s.Label, s.Split, s.view)
		for _, v := range all.row(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (c *checkpointer) read() error {
	file, err := safetensors.Open(c.path)
	if err != nil {
		return err
	}
	defer file.Close()
	metadata := file.Metadata()
	if got := metadata[formatKey]; got != checkpointFormat {
		return fmt.Errorf("metadata %q is %.40q, want %q", formatKey, got, checkpointFormat)
	}
	if got := metadata[versionKey]; got != strconv.Itoa(checkpointVersion) {
		return fmt.Errorf("has version %.40q, this argus reads %d", got, checkpointVersion)
	}
	if metadata[trainingKey] != c.key {
		return errors.New("is of another training: the pictures, the network or the options differ")
	}
	if err := file.Verify(); err != nil {
		return err
	}
	from := &checkpointProgress{}
	if err := json.Unmarshal([]byte(metadata[progressKey]), from); err != nil {
		return fmt.Errorf("%s: %w", progressKey, err)
	}
	all := nn.Weights{}
	for _, name := range file.Names() {
		data, shape, err := file.Float32(name)
		if err != nil {
			return err
		}
		all[name] = nn.Tensor{Shape: shape, Data: data}
	}
	from.State.SetTensors(all)
	c.from = from
	return nil
}

// stage is that of the state to continue from, "" without.
func (c *checkpointer) stage() Stage {
	if c == nil || c.from == nil {
		return ""
	}
	return c.from.Stage
}

// take hands out the state to continue from, once.
func (c *checkpointer) take() *train.State {
	if c == nil || c.from == nil {
		return nil
	}
	s := &c.from.State
	c.from = nil
	return s
}

func (c *checkpointer) headIs(best, epochs int) {
	if c != nil {
		c.head = headResult{best, epochs}
	}
}

// saves makes a job of a stage write checkpoints.
func (c *checkpointer) saves(stage Stage, j *train.Job) {
	if c == nil {
		return
	}
	j.SaveSteps, j.SaveEvery = c.Steps, c.Every
	j.Save = func(s *train.State) error { return c.write(stage, s) }
}

func (c *checkpointer) write(stage Stage, s *train.State) error {
	progress, err := json.Marshal(checkpointProgress{stage, *s, c.history.Epochs, c.head})
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	metadata := map[string]string{
		formatKey: checkpointFormat, versionKey: strconv.Itoa(checkpointVersion),
		trainingKey: c.key, progressKey: string(progress),
	}
	var tensors []safetensors.Tensor
	for name, t := range s.Tensors() {
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: t.Shape, Data: t.Data})
	}
	if metadata[safetensors.DigestKey], err = safetensors.Digest(tensors, metadata); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	err = fileops.Write(c.sys, c.path, c.path+".part", func(w io.Writer) error { return safetensors.Write(w, tensors, metadata) })
	if err != nil {
		return fmt.Errorf("checkpoint %s: %w", c.path, withoutPath(err))
	}
	return nil
}

// remove takes the file of a training that has ended away.
func (c *checkpointer) remove() error {
	if c == nil {
		return nil
	}
	if err := c.sys.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
