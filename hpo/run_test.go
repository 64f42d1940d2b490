package hpo

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunRecordsErrorsAndPanicsAndGoesOn(t *testing.T) {
	s := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1))
	for _, workers := range []int{0, 1, 4} {
		opt, err := New(s, Options{})
		require.NoError(t, err)
		var n atomic.Int32
		require.NoError(t, opt.Run(t.Context(), 20, workers, func(_ context.Context, p Point) (float64, error) {
			switch n.Add(1) {
			case 3:
				return 0, errors.New("no memory")
			case 5:
				panic("index out of range")
			}
			return bowl(p), nil
		}))
		why := map[string]int{}
		for _, trial := range opt.Trials() {
			require.NotEqual(t, Running, trial.State)
			why[trial.Err]++
		}
		require.Equal(t, map[string]int{"": 18, "no memory": 1, "panic: index out of range": 1}, why)
	}
}

func TestRunTriesAgainWhatWasRunning(t *testing.T) {
	s, path := mustSpace(t, Real("x", 0, 1), Real("y", 0, 1)), filepath.Join(t.TempDir(), "journal")
	ctx, cancel := context.WithCancel(t.Context())
	opt := open(t, path, s, Options{})
	n := 0
	err := opt.Run(ctx, 8, 1, func(_ context.Context, p Point) (float64, error) {
		if n++; n == 4 {
			cancel() // as a crash would
		}
		return bowl(p), nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, opt.Close())
	opt = open(t, path, s, Options{})
	require.Equal(t, Running, opt.Trials()[3].State)
	require.NoError(t, opt.Run(t.Context(), 8, 1, func(_ context.Context, p Point) (float64, error) { return bowl(p), nil }))
	whole := minimise(t, s, Options{}, 8, bowl)
	require.Equal(t, whole.Trials(), opt.Trials())
	require.NoError(t, opt.Close())
	require.Error(t, opt.Run(t.Context(), 9, 2, func(context.Context, Point) (float64, error) { return 0, nil }), "the journal is closed")
}
