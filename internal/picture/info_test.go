package picture

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInspectTellsWhatDecodeHeeds(t *testing.T) {
	for o := 1; o <= 8; o++ {
		info, err := Inspect(file(t, fmt.Sprintf("orientation%d.jpg", o)), Limits{})
		require.NoError(t, err)
		require.Equal(t, "jpeg", info.Format)
		require.Equal(t, o, info.Orientation)
		upright, err := Decode(file(t, fmt.Sprintf("orientation%d.jpg", o)), Limits{})
		require.NoError(t, err)
		if o >= 5 {
			info.W, info.H = info.H, info.W
		}
		require.Equal(t, []int{upright.W, upright.H}, []int{info.W, info.H})
	}
	_, err := Inspect([]byte("no picture"), Limits{})
	require.ErrorContains(t, err, string(NotAPicture))
	_, err = Inspect(file(t, "orientation1.jpg"), Limits{Pixels: 1})
	require.ErrorContains(t, err, string(TooManyPixels))
}
