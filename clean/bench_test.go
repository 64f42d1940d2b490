package clean

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

// All checks on 870 photographs of about 400×533 pixels.
func BenchmarkCheckClothes(b *testing.B) {
	dir := shared.Path(b, "data/clothing5")
	for b.Loop() {
		r, err := Check(context.Background(), dir, Options{})
		require.NoError(b, err)
		require.Len(b, r.Pictures, 870)
	}
}
