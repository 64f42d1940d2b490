// Package tensorboard writes scalars where TensorBoard reads them: event files,
// which are TFRecords of tensorflow.Event (tensorflow/core/util/event.proto,
// tensorflow/core/framework/summary.proto).
package tensorboard

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/argus-go/argus/tfrecord"
)

// The fields of the messages.
const (
	eventWallTime = 1 // double, seconds
	eventStep     = 2 // int64
	eventVersion  = 3 // string
	eventSummary  = 5

	summaryValue = 1

	valueTag    = 1 // string
	valueScalar = 2 // float
)

// A Scalar is one number under a tag: "val/loss".
type Scalar struct {
	Tag   string
	Value float64
}

// A Writer appends to one event file. One goroutine uses it at a time.
type Writer struct{ file *os.File }

// Create makes a new event file in dir, and dir where it is not there.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	now := time.Now()
	for n := 0; ; n++ {
		name := fmt.Sprintf("events.out.tfevents.%010d.argus.%d.%d", now.Unix(), os.Getpid(), n)
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if os.IsExist(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("tensorboard: %w", err)
		}
		w := &Writer{file: f}
		event := appendTime(nil, now)
		event = protowire.AppendTag(event, eventVersion, protowire.BytesType)
		event = protowire.AppendString(event, "brain.Event:2")
		if err := w.append(event); err != nil {
			f.Close()
			return nil, err
		}
		return w, nil
	}
}

// append writes an event to the end of the file at once: TensorBoard follows it.
func (w *Writer) append(event []byte) error {
	records, err := tfrecord.NewWriter(w.file, tfrecord.WriterOptions{})
	if err == nil {
		err = errors.Join(records.Write(event), records.Close())
	}
	if err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}

func appendTime(b []byte, t time.Time) []byte {
	b = protowire.AppendTag(b, eventWallTime, protowire.Fixed64Type)
	return protowire.AppendFixed64(b, math.Float64bits(float64(t.UnixNano())/1e9))
}

// Write adds the scalars of a step.
func (w *Writer) Write(step int, scalars []Scalar) error {
	var summary []byte
	for _, s := range scalars {
		value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
		value = protowire.AppendString(value, strings.ToValidUTF8(s.Tag, "\uFFFD"))
		value = protowire.AppendTag(value, valueScalar, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(s.Value)))
		summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	event := appendTime(nil, time.Now())
	event = protowire.AppendTag(event, eventStep, protowire.VarintType)
	event = protowire.AppendVarint(event, uint64(step))
	event = protowire.AppendTag(event, eventSummary, protowire.BytesType)
	event = protowire.AppendBytes(event, summary)
	return w.append(event)
}

// Close ends the file.
func (w *Writer) Close() error {
	if err := w.file.Close(); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}
