//go:build amd64 && !purego

package vec

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

// The packages that use _asm/lanes are checked together.
func TestTheAssemblyIsWhatItsGeneratorsWrite(t *testing.T) {
	if out, err := generator("list", "-deps", "./lanes"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI=true, and the generators cannot be built: %s", out)
		}
		t.Skipf("the module cache lacks avo (cd internal/kernel/_asm && go mod download): %s", out)
	}
	for _, pkg := range []string{"vec", "act", "pool", "depthwise"} {
		dir := t.TempDir()
		names := []string{pkg + "_amd64.s", pkg + "_stub_amd64.go"}
		out, err := generator("run", "./"+pkg, "-pkg", pkg, "-out", filepath.Join(dir, names[0]), "-stubs", filepath.Join(dir, names[1]))
		require.NoError(t, err, "%s", out)
		for _, name := range names {
			fresh, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			have, err := os.ReadFile(filepath.Join("..", pkg, name))
			require.NoError(t, err)
			// The first line holds the command.
			_, fresh, _ = bytes.Cut(fresh, []byte("\n"))
			_, have, _ = bytes.Cut(have, []byte("\n"))
			if !bytes.Equal(fresh, have) {
				t.Errorf("%s is stale: go generate ./internal/kernel/%s", name, pkg)
			}
		}
	}
}
