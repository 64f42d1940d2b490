// Package shared finds the photographs and weights that tests use but the
// module does not carry.
package shared

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns where name lies in shared/: under $ARGUS_SHARED, else in a
// folder shared/ beside any parent of the working directory. Where there is
// none it skips t, and with CI=true fails it.
func Path(t testing.TB, name string) string {
	t.Helper()
	roots := []string{os.Getenv("ARGUS_SHARED")}
	if dir, err := os.Getwd(); err == nil {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			roots = append(roots, filepath.Join(dir, "shared"))
		}
	}
	for _, root := range roots {
		if root == "" {
			continue
		}
		path := filepath.Join(root, filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("shared/%s is not there, and CI=true says that it must be", name)
	}
	t.Skipf("shared/%s is not there: set ARGUS_SHARED to the folder that holds it", name)
	return ""
}
