package tfrecord

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTensorFlowReadsAndWritesTheSameRecords needs a Python with TensorFlow in
// ARGUS_TENSORFLOW; see make tfrecord-interop.
func TestTensorFlowReadsAndWritesTheSameRecords(t *testing.T) {
	python := os.Getenv("ARGUS_TENSORFLOW")
	if python == "" {
		t.Skip("ARGUS_TENSORFLOW names no Python with TensorFlow")
	}
	in, out := t.TempDir(), t.TempDir()
	for _, c := range []Compression{None, GZIP, ZLIB} {
		dir := t.TempDir()
		m, err := WriteImages(t.Context(), album(t, 40), dir, ImageOptions{Shards: 2, Views: 1, Class: true, Path: true, Dimensions: true, Compression: c})
		require.NoError(t, err)
		for _, s := range m.Shards {
			name := strings.ReplaceAll(s.Name, "/", "-")
			if c != None {
				name += "." + string(c)
			}
			require.NoError(t, os.Rename(filepath.Join(dir, s.Name), filepath.Join(in, name)))
		}
	}
	log, err := exec.Command(python, "../tools/golden/tfrecord_interop.py", in, out).CombinedOutput()
	require.NoError(t, err, "%s", log)
	text, err := os.ReadFile(filepath.Join(out, "report.json"))
	require.NoError(t, err)
	var report map[string][]struct {
		Record, Again, Image, Class, Path string
		Label                             int64
		Size, Pixels                      [2]int64
	}
	require.NoError(t, json.Unmarshal(text, &report))
	ours, theirs := tree(t, in), tree(t, out)
	require.Len(t, report, 12)
	total := 0
	for name, data := range ours {
		read, err := readAll(strings.NewReader(data), ReaderOptions{})
		require.NoError(t, err)
		again, err := readAll(strings.NewReader(theirs[name]), ReaderOptions{})
		require.NoError(t, err)
		require.Equal(t, read, again, "%s: records that TensorFlow wrote", name)
		if strings.HasSuffix(name, ".tfrec") {
			require.True(t, bytes.Equal([]byte(data), []byte(theirs[name])), "%s: file that TensorFlow wrote", name)
		}
		require.Len(t, report[name], len(read))
		for i, r := range report[name] {
			e, err := ParseExample(read[i], ExampleLimits{})
			require.NoError(t, err)
			require.Equal(t, digest(read[i]), r.Record)
			require.Equal(t, digest(read[i]), r.Again, "%s: protobuf's own encoding of record %d", name, i)
			require.Equal(t, digest(e[ImageFeature].Bytes[0]), r.Image)
			require.Equal(t, e[LabelFeature].Ints[0], r.Label)
			require.Equal(t, string(e[ClassFeature].Bytes[0]), r.Class)
			require.Equal(t, string(e[PathFeature].Bytes[0]), r.Path)
			require.Equal(t, [2]int64{e[WidthFeature].Ints[0], e[HeightFeature].Ints[0]}, r.Size)
			require.Equal(t, r.Size, r.Pixels)
			total++
		}
	}
	t.Logf("%d records in %d files", total, len(ours))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
