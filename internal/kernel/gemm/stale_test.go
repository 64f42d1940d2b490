//go:build amd64 && !purego

package gemm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// generator runs the go command in the generators' module, without the
// network.
func generator(args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join("..", "_asm")
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off", "GOOS=", "GOARCH=")
	return cmd.CombinedOutput()
}

func TestTheAssemblyIsWhatItsGeneratorWrites(t *testing.T) {
	if out, err := generator("list", "-deps", "./gemm"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and the generator cannot be built: %s", out)
		}
		t.Skipf("the module cache lacks avo (cd internal/kernel/_asm && go mod download): %s", out)
	}
	dir := t.TempDir()
	names := []string{"tile_amd64.s", "stubs_amd64.go"}
	out, err := generator("run", "./gemm", "-out", filepath.Join(dir, names[0]), "-stubs", filepath.Join(dir, names[1]), "-pkg", "gemm")
	require.NoError(t, err, "%s", out)
	for _, name := range names {
		fresh, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		have, err := os.ReadFile(name)
		require.NoError(t, err)
		// The first line holds the command.
		_, fresh, _ = bytes.Cut(fresh, []byte("\n"))
		_, have, _ = bytes.Cut(have, []byte("\n"))
		if !bytes.Equal(fresh, have) {
			t.Errorf("%s is stale: go generate ./internal/kernel/gemm", name)
		}
	}
}
