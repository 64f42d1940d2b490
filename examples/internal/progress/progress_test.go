package progress

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drawn runs three steps of one stage and a first one of another, 60 ms apart.
func drawn(terminal bool) string {
	var out strings.Builder
	b, clock := New(&out), time.Unix(0, 0)
	b.terminal = terminal
	b.now = func() time.Time { clock = clock.Add(60 * time.Millisecond); return clock }
	for done := range int64(4) {
		b.Set("features", done, 3)
	}
	b.Set("features", 3, 3) // has ended: not drawn again
	b.Set("train", 1, 60)
	b.Close()
	return out.String()
}

func TestOnATerminalTheBarIsRedrawnInPlaceAndNotTooOften(t *testing.T) {
	require.Equal(t, "\rfeatures  [..............................]   0 %   0.0 s             "+
		"\rfeatures  [###################...........]  66 %   0.1 s 0s left     "+
		"\rfeatures  [##############################] 100 %   0.2 s             \n"+
		"\rtrain     [..............................]   1 %   0.0 s 0s left     \n", drawn(true))
}

func TestTimeLeftIsInProportionToWhatIsDone(t *testing.T) {
	require.Equal(t, "6m0s left", left(2*time.Minute, 2500, 10_000))
	require.Equal(t, "1s left", left(100*time.Second, 99, 100))
	require.Empty(t, left(time.Minute, 0, 100))
	require.Empty(t, left(time.Minute, 100, 100))
}

func TestElsewhereEachFinishedStageIsOneLine(t *testing.T) {
	require.Equal(t, "features: 0.2 s\n", drawn(false))
}

func TestNothingToDoIsDone(t *testing.T) {
	var out strings.Builder
	New(&out).Set("features", 0, 0)
	require.Equal(t, "features: 0.0 s\n", out.String())
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	require.False(t, isTerminal(f))
}
