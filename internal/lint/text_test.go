package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// workplace matches what belongs to one machine: folders of a build, hosts of a private network, a module proxy of one's own.
var workplace = []*regexp.Regexp{
	regexp.MustCompile(`(^|[\s"'=:(\x60])/(work|root|tmp/bash_jobs)/`),
	regexp.MustCompile(`https?://[\w.-]+\.(internal|local|lan|corp)\b`),
	regexp.MustCompile(`(GOPROXY|PIP_INDEX_URL)=["']?https?://`),
}

// TestNoFileNamesAMachine reads every text file of the checkout.
func TestNoFileNamesAMachine(t *testing.T) {
	read := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == ".git" || n == ".venv" || n == "bin" {
				return fs.SkipDir
			}
			return nil
		}
		if !isText(name) {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		read++
		for i, line := range bytes.Split(data, []byte("\n")) {
			for _, re := range workplace {
				if re.Match(line) {
					t.Errorf("%s:%d names a machine: %s", name, i+1, bytes.TrimSpace(line))
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, read, 20)
}

// isText tells by name; what has no extension is a script or a licence.
func isText(name string) bool {
	switch filepath.Ext(name) {
	case "", ".go", ".s", ".md", ".mod", ".sum", ".yml", ".py", ".csv", ".txt", ".json", ".sh":
		return !strings.HasSuffix(name, "text_test.go")
	}
	return false
}

// TestReadmeShowsTheExample holds the first Go code of the README equal to the
// functions that Example in example_test.go runs.
func TestReadmeShowsTheExample(t *testing.T) {
	want := functionText(t, "example_test.go", "train") + "\n" + functionText(t, "example_test.go", "answer")
	require.Equal(t, want, firstGoBlock(t, "README.md"))
}

// firstGoBlock is the text of the first ```go block.
func firstGoBlock(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "```go\n")
	require.True(t, ok, "%s has no Go code", name)
	block, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	return block
}

// functionText is the source of a function without its comment.
func functionText(t *testing.T, name, function string) string {
	text, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	parsed, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
	require.NoError(t, err)
	require.Contains(t, string(text), "func Example() {")
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == function {
			return string(text[fset.Position(fn.Pos()).Offset:fset.Position(fn.End()).Offset]) + "\n"
		}
	}
	require.Fail(t, "no such function", "%s in %s", function, name)
	return ""
}
