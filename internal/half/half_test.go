package half

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// value is the definition of IEEE 754-2008 section 3.4 for a finite half.
func value(h uint16) float64 {
	exponent, fraction := int(h>>10&0x1f), float64(h&0x3ff)
	v := math.Ldexp(1024+fraction, exponent-25)
	if exponent == 0 {
		v = math.Ldexp(fraction, -24)
	}
	return math.Copysign(v, -float64(h>>15&1)+0.5)
}

func TestEveryHalfHasTheValueOfItsDefinition(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		got := ToFloat32(h)
		switch {
		case h&0x7fff > infHalf:
			require.True(t, math.IsNaN(float64(got)), "%#04x gives %v", h, got)
		case h&0x7fff == infHalf:
			require.True(t, math.IsInf(float64(got), 1-2*int(h>>15)), "%#04x gives %v", h, got)
		default:
			require.Equal(t, math.Float64bits(value(h)), math.Float64bits(float64(got)), "%#04x", h)
		}
	}
}

func TestEveryHalfSurvivesTheRoundTrip(t *testing.T) {
	for i := range 1 << 16 {
		f := ToFloat32(uint16(i))
		require.Equal(t, uint16(i), FromFloat32(f), "%v", f)
		require.True(t, Exact([]float32{f}), "%#04x is %v", i, f)
	}
}

// TestRoundingIsToNearestEven walks the middle between all neighbours, one
// float32 to each side of it, and the last step to infinity.
func TestRoundingIsToNearestEven(t *testing.T) {
	for i := range uint16(infHalf) {
		lower, upper := value(i), value(i+1)
		if i+1 == infHalf {
			upper = 65536
		}
		middle := float32((lower + upper) / 2)
		require.Equal(t, (lower+upper)/2, float64(middle), "the middle is a float32")
		for _, sign := range []float32{1, -1} {
			s := uint16(math.Float32bits(sign) >> 16 & 0x8000)
			require.Equal(t, s|(i+i&1), FromFloat32(sign*middle), "tie between %v and %v", lower, upper)
			require.Equal(t, s|i, FromFloat32(sign*math.Nextafter32(middle, 0)), "below the tie of %v and %v", lower, upper)
			require.Equal(t, s|(i+1), FromFloat32(sign*math.Nextafter32(middle, 1e9)), "above the tie of %v and %v", lower, upper)
		}
		require.False(t, Exact([]float32{0, middle}), "%v", middle)
	}
}

func TestSpecialValuesKeepTheirKind(t *testing.T) {
	for _, c := range []struct {
		float, half uint32
	}{
		{0x7f800000, 0x7c00}, {0xff800000, 0xfc00}, // infinities
		{0x7f800001, 0x7e00}, {0xffc00000, 0xfe00}, // NaNs
		{0x7f7fffff, 0x7c00}, {0x47800000, 0x7c00}, // beyond the range
		{0x00000001, 0x0000}, {0x807fffff, 0x8000}, {0x80000000, 0x8000}, // float32 subnormals, minus zero
	} {
		require.Equal(t, uint16(c.half), FromFloat32(math.Float32frombits(c.float)), "%#08x", c.float)
	}
}

func TestExactEqualsTheRoundTripOnRandomBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	exact := 0
	for range 1 << 18 {
		bits := r.Uint32() &^ uint32(uint64(1)<<r.IntN(26)-1)
		f := math.Float32frombits(bits)
		want := math.Float32bits(ToFloat32(FromFloat32(f))) == bits
		require.Equal(t, want, Exact([]float32{f}), "%#08x", bits)
		if want {
			exact++
		}
	}
	require.Greater(t, exact, 1000)
}

func TestSlicesEqualTheSingleConversions(t *testing.T) {
	src := []float32{1, -2.5, 1e-7, 65504, float32(math.Inf(-1)), 1.0 / 3}
	raw := make([]byte, 2*len(src)+1)
	raw[len(raw)-1] = 0xa5
	Encode(raw, src)
	require.Equal(t, byte(0xa5), raw[len(raw)-1], "wrote past the end")
	back := make([]float32, len(src))
	Decode(back, raw)
	for i, f := range src {
		require.Equal(t, ToFloat32(FromFloat32(f)), back[i])
	}
}

func benchmarkValues() ([]float32, []byte) {
	r := rand.New(rand.NewPCG(3, 4))
	v := make([]float32, 4_700_000)
	for i := range v {
		v[i] = ToFloat32(FromFloat32(float32(r.NormFloat64()) * 0.05))
	}
	return v, make([]byte, 2*len(v))
}

func BenchmarkDecode(b *testing.B) {
	v, raw := benchmarkValues()
	Encode(raw, v)
	for b.Loop() {
		Decode(v, raw)
	}
}

func BenchmarkEncode(b *testing.B) {
	v, raw := benchmarkValues()
	for b.Loop() {
		Encode(raw, v)
	}
}

func BenchmarkExact(b *testing.B) {
	v, _ := benchmarkValues()
	for b.Loop() {
		if !Exact(v) {
			b.Fatal("not exact")
		}
	}
}
