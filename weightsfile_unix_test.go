//go:build linux || darwin

package argus

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
)

func TestANamedPipeIsRefusedAndNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe.h5")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := BackboneFrom(efficientnet.Lite0(5), path).Weights(context.Background(), nil)
	require.ErrorContains(t, err, "is not a regular file")
	_, err = Inspect(path)
	require.ErrorContains(t, err, "is not a regular file")
	_, err = ImportKeras(path, []string{"a", "b"}, ScaleUnit.Preprocess())
	require.ErrorContains(t, err, "is not a regular file")
}
