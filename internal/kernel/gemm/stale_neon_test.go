//go:build amd64 && !purego

package gemm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheARM64AssemblyIsWhatItsGeneratorWrites(t *testing.T) {
	dir := t.TempDir()
	out, err := generator("test", "./neon") // where LLVM is, against its assembler
	require.NoError(t, err, "%s", out)
	out, err = generator("run", "./neon", dir)
	require.NoError(t, err, "%s", out)
	written, err := filepath.Glob(filepath.Join(dir, "*", "*_arm64*"))
	require.NoError(t, err)
	require.NotEmpty(t, written)
	for _, path := range written {
		name, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		if string(want) != string(got) {
			t.Errorf("%s is stale: make generate", name)
		}
	}
}
