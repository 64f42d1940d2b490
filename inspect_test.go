package argus

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/safetensors"
	"github.com/argus-go/argus/internal/shared"
	"github.com/argus-go/argus/nn"
	"github.com/argus-go/argus/resnet"
)

func TestInspectOfAModelTellsNetworkLabelsAndOrigin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.argus")
	c := tinyTrained(t)
	require.NoError(t, c.Save(path))
	info, err := Inspect(path)
	require.NoError(t, err)
	s, err := c.snapshot(context.Background())
	require.NoError(t, err)
	require.Equal(t, "argus model", info.Format)
	require.Equal(t, "argus, format 1", info.Writer)
	require.Equal(t, s.model.Name, info.Network)
	require.Equal(t, c.Classes(), info.Labels)
	require.Equal(t, nn.Origin{Source: "drawn", Licence: "CC0-1.0"}, info.Origin)
	require.Len(t, info.Tensors, len(s.weights))
	n := 0
	for _, w := range s.weights {
		n += len(w.Data)
	}
	require.EqualValues(t, n, info.Parameters)
	require.Contains(t, info.Tensors, TensorInfo{"stem/conv1/kernel", "float16", s.weights["stem/conv1/kernel"].Shape})

	var back FileInfo
	text, err := json.Marshal(info)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, info, back)
}

func TestInspectNamesTheNetworksThatAFileFits(t *testing.T) {
	lite0 := efficientnet.Lite0(1000)
	small := efficientnet.Lite0(10)
	info, err := Inspect(shared.Path(t, "weights/efficientnetlite0.h5"), resnet.ResNet50(1000), small, lite0)
	require.NoError(t, err)
	require.Equal(t, "Keras HDF5 weights", info.Format)
	require.Equal(t, []string{lite0.Name}, info.Fits)
	require.EqualValues(t, 4694024, info.Parameters)
	require.Contains(t, info.Tensors, TensorInfo{"stem_conv/stem_conv/kernel:0", "float32", []int{3, 3, 3, 32}})
}

func TestInspectOfTorchsFiles(t *testing.T) {
	for name, format := range map[string]string{"zip.pth": "PyTorch zip", "legacy.pth": "PyTorch pickle"} {
		info, err := Inspect("internal/torch/testdata/"+name, resnet.Torch50(10))
		require.NoError(t, err)
		require.Equal(t, format, info.Format)
		require.Empty(t, info.Fits)
		require.Equal(t, TensorInfo{"bn.num_batches_tracked", "int64", []int{}}, info.Tensors[3])
		require.EqualValues(t, 24+24+4+12+12+4+1+2, info.Parameters)
	}
}

func TestInspectReadsNoMoreThanHeaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.safetensors")
	f, err := os.Create(path)
	require.NoError(t, err)
	const size = 1 << 40 // a sparse file
	header := `{"w":{"dtype":"F32","shape":[1048576,262144],"data_offsets":[0,1099511627776]}}`
	_, err = f.Write(append([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}, header...))
	require.NoError(t, err)
	if err := f.Truncate(8 + int64(len(header)) + size); err != nil {
		require.NoError(t, f.Close())
		t.Skip("no room for a sparse file: ", err)
	}
	require.NoError(t, f.Close())
	info, err := Inspect(path)
	require.NoError(t, err)
	require.EqualValues(t, size/4, info.Parameters)
}

func TestInspectOfSafetensorsShowsMetadataInOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, safetensors.Write(f, []safetensors.Tensor{{Name: "a", Shape: []int{2}, Data: []float32{1, 2}}}, map[string]string{"by": "line\nfeed"}))
	require.NoError(t, f.Close())
	info, err := Inspect(path)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"by": "line\nfeed"}, info.Metadata)
	require.Contains(t, info.String(), "metadata    \"by = line\\nfeed\"\n")
}

func TestInspectOfNoWeightsSaysWhy(t *testing.T) {
	dir := t.TempDir()
	_, err := Inspect(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = Inspect(dir)
	require.ErrorContains(t, err, "is not a regular file")
	for content, want := range map[string]string{
		"":                  "the file is empty",
		"text":              "is none of the formats read: argus model, Keras",
		"PK\x03\x04":        "is none of the formats read",
		"\x89HDF\r\n\x1a\n": "keras: ",
		"\x09\x00\x00\x00\x00\x00\x00\x00{\"a\":[1]}": "safetensors: ",
	} {
		path := filepath.Join(dir, "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := Inspect(path)
		require.ErrorContains(t, err, want, "%q", content)
		require.ErrorContains(t, err, "argus: inspect "+path)
	}
}
