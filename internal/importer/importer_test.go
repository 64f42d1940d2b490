package importer

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	module  = "github.com/argus-go/argus"
	weights = "efficientnet/lite0/lite0.safetensors"
	// maxProgram is what a program that predicts may take beside its weights,
	// in bytes.
	maxProgram = 30_000_000
)

const program = `package main

import (
	"context"
	"fmt"
	"image"

	"` + module + `"
	"` + module + `/efficientnet/lite0"
)

func main() {
	clf, err := argus.Pretrained(lite0.Backbone())
	if err != nil {
		panic(err)
	}
	labels, err := clf.Predict(context.Background(), image.NewGray(image.Rect(0, 0, 64, 64)))
	if err != nil {
		panic(err)
	}
	fmt.Println(len(labels), "labels")
}
`

// A program that only imports the library builds without cgo and without a
// network, starts (Gorgonia stops programs on a Go that its collector check does
// not know), predicts, and is not large.
func TestAModuleThatImportsThisOneBuildsStartsAndPredicts(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program: not with -short")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	dir := t.TempDir()
	writeModule(t, root, dir)

	binary := filepath.Join(dir, "importer.exe") // the ending is for Windows
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	out, err = exec.Command(binary).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "1000 labels\n", string(out))

	size, carried := sizeOf(t, binary), sizeOf(t, filepath.Join(root, weights))
	t.Logf("%s/%s: %.1f MB, of which %.1f MB are weights", runtime.GOOS, runtime.GOARCH, float64(size)/1e6, float64(carried)/1e6)
	require.Less(t, size, carried+maxProgram)
}

// writeModule writes the program and a go.mod with the requirements that go get
// would write.
func writeModule(t *testing.T, root, dir string) {
	mod := read(t, filepath.Join(root, "go.mod"))
	mod = strings.Replace(mod, "module "+module+"\n", "module importer\n", 1)
	mod += "\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + root + "\n"
	for name, text := range map[string]string{
		"go.mod":  mod,
		"go.sum":  read(t, filepath.Join(root, "go.sum")),
		"main.go": program,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
}

func read(t *testing.T, name string) string {
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

func sizeOf(t *testing.T, name string) int64 {
	info, err := os.Stat(name)
	require.NoError(t, err)
	return info.Size()
}
