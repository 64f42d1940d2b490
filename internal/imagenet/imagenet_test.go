package imagenet

import (
	"encoding/csv"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

func TestClassesAreAThousandDifferentNames(t *testing.T) {
	seen := map[string]int{}
	for i, name := range Classes() {
		require.NotEmpty(t, name)
		require.NotContains(t, seen, name)
		seen[name] = i
	}
	require.Len(t, seen, 1000)
	require.Equal(t, 0, seen["tench"])
	require.Equal(t, 967, seen["espresso"])
}

func TestClassesAreThoseOfTheList(t *testing.T) {
	f, err := os.Open(shared.Path(t, "facts/imagenet_classes.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	var want []string
	for _, row := range rows[1:] {
		want = append(want, row[2])
	}
	require.Equal(t, want, Classes())
}

func TestClassesGivesAListOfOnesOwn(t *testing.T) {
	Classes()[0] = "changed"
	require.Equal(t, "tench", Classes()[0])
}
