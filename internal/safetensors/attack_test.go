package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The samples of the folder attacks/ in huggingface/safetensors, and what the
// security review of that library (Trail of Bits, 2023) and later reports of
// denial of service describe.
func TestThePublicAttackFilesAreRefused(t *testing.T) {
	many := func(n int, offsets string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"weight_%d":{"dtype":"F32","shape":[200,200],"data_offsets":%s}`, i, offsets)
		}
		return b.String() + "}"
	}
	zip := "PK\x05\x06" + strings.Repeat("\x00", 18)
	good := one("F32", "[2,2]", "[0,16]")
	sixteen := make([]byte, 16)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"abuse_attempt_1: a header of 1000 bytes in a file of 90", append(binary.LittleEndian.AppendUint64(nil, 1000), raw(good, sixteen...)[8:]...), "given as 1000 bytes, the file has"},
		{"abuse_attempt_2: a header of 800 MB", binary.LittleEndian.AppendUint64(nil, 800_000_000), "the limit is 100000000"},
		{"abuse_attempt_3: 100,000 tensors over the same bytes", raw(many(100_000, "[0,160000]"), make([]byte, 160_000)...), "which overlaps tensor"},
		{"1000 tensors without bytes", raw(many(1000, "[0,0]")), "takes 160000 bytes, data_offsets [0 0] span 0"},
		{"a tensor of terabytes in a small file", raw(one("F32", "[1000000,1000000]", "[0,4000000000000]"), sixteen...), "data_offsets end at 4000000000000, the file has 16 bytes of data"},
		{"a shape whose product overflows to what fits", raw(one("F32", "[4294967296,4294967296]", "[0,0]")), "is no whole number of bytes below 2^63"},
		{"a zip after the data", append(raw(good, sixteen...), zip...), "the tensors take 16 bytes, the file has 38 bytes of data"},
		{"a zip in the header's padding", raw(good+zip, sixteen...), "goes on with"},
		{"a zip in a hole between tensors", raw(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[26,30]}}`, make([]byte, 30)...), "leaves a hole"},
		{"two descriptions of a tensor", raw(good[:len(good)-1]+`,"\u0061":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, sixteen...), `key "a" comes twice`},
		{"a deep header", raw(strings.Repeat(`{"a":`, 1<<20)), "unknown key"},
		{"a shape without end", raw(one("F32", "["+strings.Repeat("1,", 1<<20)+"1]", "[0,4]"), sixteen[:4]...), "shape: more than 32 numbers"},
		{"deep shapes", raw(one("F32", strings.Repeat("[", 1<<20), "[0,16]"), sixteen...), "[ is not a whole number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := Parse(c.file)
			runtime.ReadMemStats(&after)
			require.ErrorContains(t, err, c.want)
			require.Less(t, time.Since(start), 20*time.Second) // a second on a machine that is not busy
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+40*len(c.file)))
		})
	}
	require.False(t, Is(bytes.NewReader(nil), 0))
}
