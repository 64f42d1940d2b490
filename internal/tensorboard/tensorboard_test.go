package tensorboard

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/argus-go/argus/tfrecord"
)

// written is the file of two steps.
func written(t *testing.T) (dir, path string) {
	dir = filepath.Join(t.TempDir(), "logs", "run 1")
	w, err := Create(dir)
	require.NoError(t, err)
	require.NoError(t, w.Write(1, []Scalar{{"train/loss", 1.5}, {"recall/Größe", .25}, {"recall/\xff", 1}}))
	require.NoError(t, w.Write(2, []Scalar{{"train/loss", .5}}))
	t.Cleanup(func() { require.NoError(t, w.Close()) }) // what it wrote is there before
	files, err := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return dir, files[0]
}

// fields are the fields of a message by number, the last of each.
func fields(t *testing.T, b []byte) map[protowire.Number]any {
	out := map[protowire.Number]any{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		require.Positive(t, n)
		b = b[n:]
		switch kind {
		case protowire.VarintType:
			out[number], n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			out[number], n = protowire.ConsumeFixed32(b)
		case protowire.Fixed64Type:
			out[number], n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			out[number], n = protowire.ConsumeBytes(b)
		}
		require.Positive(t, n)
		b = b[n:]
	}
	return out
}

func TestAnEventFileIsRecordsOfEvents(t *testing.T) {
	_, path := written(t)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var events []map[protowire.Number]any
	for record, err := range tfrecord.Records(f, tfrecord.ReaderOptions{}) {
		require.NoError(t, err)
		events = append(events, fields(t, record))
	}
	require.Len(t, events, 3)
	require.Equal(t, []byte("brain.Event:2"), events[0][3])
	require.EqualValues(t, 2, events[2][2], "step")
	value := fields(t, fields(t, events[2][5].([]byte))[1].([]byte))
	require.Equal(t, []byte("train/loss"), value[1])
	require.Equal(t, math.Float32bits(.5), value[2])
	require.Greater(t, math.Float64frombits(events[1][1].(uint64)), 1.7e9, "seconds since 1970")
}

func TestTwoWritersInOneFolderHaveFilesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		w, err := Create(dir)
		require.NoError(t, err)
		require.NoError(t, w.Close())
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 2)
}

func TestAFolderThatCannotBeWrittenIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err := Create(filepath.Join(file, "logs"))
	require.ErrorContains(t, err, "tensorboard: mkdir "+file)
}

// reader prints what TensorBoard itself reads in a folder.
const reader = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1])
a.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in a.Scalars(tag)] for tag in a.Tags()["scalars"]}))
`

// ARGUS_TENSORBOARD names a Python that has the package tensorboard: make tensorboard.
func TestTensorBoardReadsTheFile(t *testing.T) {
	python := os.Getenv("ARGUS_TENSORBOARD")
	if python == "" {
		t.Skip("ARGUS_TENSORBOARD names no Python with tensorboard")
	}
	dir, _ := written(t)
	out, err := exec.Command(python, "-c", reader, dir).Output()
	require.NoError(t, err)
	var got map[string][][2]float64
	require.NoError(t, json.Unmarshal(out, &got))
	require.Equal(t, map[string][][2]float64{
		"train/loss": {{1, 1.5}, {2, .5}}, "recall/Größe": {{1, .25}}, "recall/\uFFFD": {{1, 1}},
	}, got)
}
