package lint

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// A file is one Go file of the module. Packages are named by their folder; the
// root is ".".
type file struct {
	pkg  string
	path string
	ast  *ast.File
}

func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// isPublic says whether users can import f's package.
func (f file) isPublic() bool {
	return !strings.Contains("/"+f.pkg+"/", "/internal/") && f.ast.Name.Name != "main"
}

// imports are the paths that f imports.
func (f file) imports() (paths []string) {
	for _, spec := range f.ast.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

var fset = token.NewFileSet()

// at is where node stands, for messages.
func at(node ast.Node) string {
	p := fset.Position(node.Pos())
	return strings.TrimPrefix(filepath.ToSlash(p.Filename), root+"/") + ":" + strconv.Itoa(p.Line)
}

// source parses all Go files of the module, for every platform; nested modules
// stay out, as do testdata and hidden folders.
func source(t *testing.T) (files []file) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			if rel != "." && (nested == nil || strings.ContainsAny(d.Name()[:1], "._") || d.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(rel) != ".go" || strings.HasPrefix(d.Name(), ".") {
			return nil
		}
		parsed, err := parser.ParseFile(fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file{path.Dir(rel), rel, parsed})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
