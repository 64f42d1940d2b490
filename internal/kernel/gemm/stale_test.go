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
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off", "GOOS=", "GOARCH=", "GODEBUG=")
	return cmd.CombinedOutput()
}

// All packages with generated assembly are checked here.
func TestTheAssemblyIsWhatItsGeneratorsWrite(t *testing.T) {
	if out, err := generator("list", "-deps", "./..."); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and the generators cannot be built: %s", out)
		}
		t.Skipf("the module cache lacks avo (cd internal/kernel/_asm && go mod download): %s", out)
	}
	for _, c := range []struct{ pkg, assembly, stubs string }{
		{"act", "act_amd64.s", "act_stub_amd64.go"},
		{"depthwise", "depthwise_amd64.s", "depthwise_stub_amd64.go"},
		{"gemm", "tile_amd64.s", "stubs_amd64.go"},
		{"pixel", "pixel_amd64.s", "pixel_stub_amd64.go"},
		{"pool", "pool_amd64.s", "pool_stub_amd64.go"},
		{"vec", "vec_amd64.s", "vec_stub_amd64.go"},
		{"winograd", "transform_amd64.s", "transform_stub_amd64.go"},
	} {
		dir := t.TempDir()
		out, err := generator("run", "./"+c.pkg, "-pkg", c.pkg, "-out", filepath.Join(dir, c.assembly), "-stubs", filepath.Join(dir, c.stubs))
		require.NoError(t, err, "%s", out)
		for _, name := range []string{c.assembly, c.stubs} {
			if !bytes.Equal(code(t, filepath.Join(dir, name)), code(t, filepath.Join("..", c.pkg, name))) {
				t.Errorf("%s/%s is stale: go generate ./internal/kernel/%s", c.pkg, name, c.pkg)
			}
		}
	}
}

// code is a file without its first line, which holds the generator's command.
func code(t *testing.T, path string) []byte {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	_, b, _ = bytes.Cut(b, []byte("\n"))
	return b
}
