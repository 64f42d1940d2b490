package lint

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	doc := map[string]string{}
	for _, f := range source(t) {
		if !f.isTest() {
			doc[f.pkg] += f.ast.Doc.Text()
		}
	}
	require.NotEmpty(t, doc)
	for pkg, text := range doc {
		if text == "" {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	seen := 0
	for _, f := range source(t) {
		if f.isTest() || !f.isPublic() {
			continue
		}
		for _, d := range f.ast.Decls {
			for _, bare := range undocumented(d, &seen) {
				t.Errorf("%s: %s has no doc comment", at(bare), bare.Name)
			}
		}
	}
	require.Positive(t, seen)
}

// undocumented returns the exported names of d that lack a comment, and counts
// all exported ones. One comment over a group of constants or variables is
// enough.
func undocumented(d ast.Decl, seen *int) (bare []*ast.Ident) {
	check := func(name *ast.Ident, docs ...*ast.CommentGroup) {
		if !name.IsExported() {
			return
		}
		*seen++
		for _, doc := range docs {
			if doc.Text() != "" {
				return
			}
		}
		bare = append(bare, name)
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil || receiver(d).IsExported() && !wellKnown[d.Name.Name] {
			check(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				check(spec.Name, d.Doc, spec.Doc)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					check(name, d.Doc, spec.Doc, spec.Comment)
				}
			}
		}
	}
	return bare
}

// wellKnown are methods that need no word.
var wellKnown = map[string]bool{"Error": true, "String": true}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) *ast.Ident {
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e
		default:
			return ast.NewIdent("_")
		}
	}
}

// Users share no state through the library: exported variables are sentinel
// errors, and nothing at package level in the root can be locked or counted.
func TestNoSharedMutableState(t *testing.T) {
	for _, f := range source(t) {
		if f.isTest() || !f.isPublic() {
			continue
		}
		for _, d := range f.ast.Decls {
			vars, ok := d.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				checkVariables(t, f, spec.(*ast.ValueSpec))
			}
		}
	}
}

func checkVariables(t *testing.T, f file, spec *ast.ValueSpec) {
	for _, name := range spec.Names {
		if name.IsExported() && !strings.HasPrefix(name.Name, "Err") {
			t.Errorf("%s: exported variable %s, want a constant, a function or a sentinel error", at(name), name.Name)
		}
	}
	ast.Inspect(spec, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || f.pkg != "." {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && (pkg.Name == "atomic" || pkg.Name == "sync" && sel.Sel.Name != "Pool") {
			t.Errorf("%s: package-level %s.%s, want it in a value that the user holds", at(n), pkg.Name, sel.Sel.Name)
		}
		return true
	})
}

// A library is silent: progress and results are given to the caller.
func TestTheLibraryPrintsNothing(t *testing.T) {
	printers := map[string]bool{"fmt.Print": true, "fmt.Println": true, "fmt.Printf": true, "os.Stdout": true, "os.Stderr": true}
	for _, f := range source(t) {
		if f.isTest() || f.ast.Name.Name == "main" {
			continue
		}
		for _, imported := range f.imports() {
			if imported == "log" || imported == "log/slog" {
				t.Errorf("%s imports %s", f.path, imported)
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && printers[x.Name+"."+sel.Sel.Name] {
				t.Errorf("%s: the library uses %s.%s", at(n), x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}
