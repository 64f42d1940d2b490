package lint

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/argus-go/argus"

// layers are the packages of the module, users first. A package imports only
// packages of rows below its own. x/* means all folders in x.
var layers = [][]string{
	{"bench/peers"},
	{"bench/*"},
	{"examples/*", "tools/*", "internal/golden", "internal/importer", "internal/lint"},
	{"examples/internal/*"},
	{"serve"},
	{"."},
	{"internal/tensorboard"},
	{"hpo"},
	{"hpo/internal/gp"},
	{"hpo/internal/bfgs", "hpo/internal/qmc"},
	{"tfrecord"},
	{"augment"},
	{"efficientnet/lite0"},
	{"scrape"},
	{"clean"},
	{"efficientnet", "inception", "resnet", "xception"},
	{"internal/pretrained"},
	{"internal/keras", "internal/torchnet", "internal/train"},
	{"nn"},
	{"internal/atomicfile", "internal/fetch", "internal/imagenet", "internal/jpeg444", "internal/npz", "internal/picture", "internal/safetensors"},
	{"internal/torch", "internal/hdf5"},
	{"internal/fileops", "internal/half", "internal/jpegscale", "internal/memory", "internal/shared", "internal/svg"},
	{"internal/kernel/act", "internal/kernel/conv", "internal/kernel/depthwise", "internal/kernel/loss",
		"internal/kernel/norm", "internal/kernel/optim", "internal/kernel/pool", "internal/kernel/resize"},
	{"internal/kernel/winograd"},
	{"internal/kernel/gemm", "internal/kernel/pixel"},
	{"internal/kernel/vec"},
	{"internal/kernel/gemm/guard"},
	{"internal/parallel"},
	{"internal/cpu"},
}

// layerOf is the row of pkg, or -1.
func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, pkg)
			return ok
		})
	})
}

// folderOf is the folder of an import path of this module.
func folderOf(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestEveryPackageHasItsLayer(t *testing.T) {
	pkgs := map[string]bool{}
	for _, f := range source(t) {
		pkgs[f.pkg] = true
	}
	for pkg := range pkgs {
		if layerOf(pkg) < 0 {
			t.Errorf("package %s is in no row of layers", pkg)
		}
	}
	for _, patterns := range layers {
		for _, pattern := range patterns {
			if !strings.HasSuffix(pattern, "/*") && !pkgs[pattern] {
				t.Errorf("layers names package %s, which is not there", pattern)
			}
		}
	}
}

// The package of a test may look up: networks of the layers above are its cases.
func TestImportsPointDown(t *testing.T) {
	arrows := 0
	for _, f := range source(t) {
		if f.isTest() {
			continue
		}
		for _, imported := range f.imports() {
			to, ours := folderOf(imported)
			if !ours {
				continue
			}
			arrows++
			if layerOf(to) <= layerOf(f.pkg) {
				t.Errorf("%s: package %s (row %d) imports %s (row %d), want a row below", f.path, f.pkg, layerOf(f.pkg), to, layerOf(to))
			}
		}
	}
	require.Positive(t, arrows)
}

// The goldens' tests run the networks' graphs; bench/peers measures Gorgonia's own ops.
func TestOnlyNetworksAndTrainingKnowGorgonia(t *testing.T) {
	may := []string{"nn", "internal/train", ".", "internal/golden", "bench/peers"}
	for _, f := range source(t) {
		for _, imported := range f.imports() {
			if strings.HasPrefix(imported, "gorgonia.org/") && !slices.Contains(may, f.pkg) {
				t.Errorf("%s imports %s, want that only in %q", f.path, imported, may)
			}
		}
	}
}

func TestTestifyIsForTestsOnly(t *testing.T) {
	for _, f := range source(t) {
		for _, imported := range f.imports() {
			if strings.HasPrefix(imported, "github.com/stretchr/testify") && !f.isTest() {
				t.Errorf("%s imports %s outside tests", f.path, imported)
			}
		}
	}
}

// Kernels panic on a caller's bug: there is no input of users to refuse.
func TestKernelsReturnNoErrors(t *testing.T) {
	kernels := 0
	for _, f := range source(t) {
		if f.isTest() || !strings.HasPrefix(f.pkg, "internal/kernel/") {
			continue
		}
		kernels++
		ast.Inspect(f.ast, func(n ast.Node) bool {
			fn, ok := n.(*ast.FuncType)
			if !ok || fn.Results == nil {
				return true
			}
			for _, result := range fn.Results.List {
				if name, ok := result.Type.(*ast.Ident); ok && name.Name == "error" {
					t.Errorf("%s: a kernel returns an error", at(n))
				}
			}
			return true
		})
	}
	require.Positive(t, kernels)
}

// Without this requirement every program that links Gorgonia panics at start on
// current Go.
func TestGoModKeepsTheCollectorPin(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(mod), "go4.org/unsafe/assume-no-moving-gc v0.0.0-20231121144256-b99613f794b6")
	require.Contains(t, string(mod), "module "+module+"\n")
	require.NotContains(t, string(mod), "replace ", "users of a module do not see its replacements")
}
