package safetensors

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse wants no panic on any bytes, and of a file that is read that its
// tensors can be, within the file's size, and written and read again.
func FuzzParse(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.safetensors")
	require.NoError(f, err)
	f.Add(reference)
	var b bytes.Buffer
	tensors, metadata := sample()
	require.NoError(f, Write(&b, tensors, metadata))
	f.Add(b.Bytes())
	f.Add(raw(one("BF16", "[2]", "[0,4]"), 0, 0, 0, 0))
	f.Add(raw("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		var again []Tensor
		total := 0
		for _, name := range file.Names() {
			info, data, err := file.Tensor(name)
			require.NoError(t, err)
			total += len(data)
			values, shape, err := file.Float32(name)
			if decoders[info.DType] == nil {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			again = append(again, Tensor{name, shape, values})
		}
		require.LessOrEqual(t, total, len(b))
		var out bytes.Buffer
		require.NoError(t, Write(&out, again, file.Metadata()))
		back, err := Parse(out.Bytes())
		require.NoError(t, err)
		require.Len(t, back.Names(), len(again))
	})
}
