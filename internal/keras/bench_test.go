package keras

import (
	"testing"

	"github.com/argus-go/argus/internal/shared"
)

// BenchmarkReadFile reads 18.8 MB of weights in 247 arrays.
func BenchmarkReadFile(b *testing.B) {
	path := shared.Path(b, "weights/efficientnetlite0.h5")
	b.SetBytes(4 * 4_694_024)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
}
