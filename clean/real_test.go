package clean

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

// Photographs as people take them have none of the faults that are planted.
func TestFewRealPhotographsRaiseAnAlarm(t *testing.T) {
	faults, pictures := report(clothes(t).seen, nil).Faults, 870
	for _, name := range []string{"photos", "materials"} {
		r := check(t, os.DirFS(shared.Path(t, "data/"+name)), Options{})
		pictures += len(r.Pictures)
		for _, f := range r.Faults {
			if f.Kind != Grey { // which the materials are
				faults = append(faults, f)
			}
		}
	}
	for _, f := range faults {
		t.Logf("%s: %s, %s", f.Path, f.Kind, f.Detail)
	}
	require.LessOrEqual(t, len(faults), pictures/100)
}
