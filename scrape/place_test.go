package scrape

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sources dry up: a class lacks no split though a term's last pictures never come,
// and the fractions stay near those asked for.
func TestAClassThatComesShortLacksNoSplit(t *testing.T) {
	const seeds, pages = 500, 30
	all := map[Split]int{}
	for seed := range uint64(seeds) {
		how, err := newShares(Options{Seed: seed})
		require.NoError(t, err)
		s := &store{splits: map[string][]int{}}
		for n := range pages {
			s.count("cat", s.draw("cat", fmt.Sprint("https://example.org/", n), 1000, how), 1)
		}
		for i, n := range s.splits["cat"] {
			require.Positive(t, n, "%s, seed %d", splitOrder[i], seed)
			all[splitOrder[i]] += n
		}
	}
	for split, want := range map[Split]float64{Train: .7, Val: .15, Test: .15} {
		require.InDelta(t, want, float64(all[split])/(seeds*pages), .015, split)
	}
}
