package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/efficientnet"
	"github.com/argus-go/argus/internal/shared"
)

func TestEveryNetworkCanBeNamed(t *testing.T) {
	for name := range backbones {
		b, err := backbone(name, "")
		require.NoError(t, err, name)
		require.NotNil(t, b.Weights, name)
	}
	for _, name := range efficientnet.Names() {
		b, err := backbone(name, "weights.h5")
		require.NoError(t, err, name)
		require.Equal(t, "efficientnet-"+name, b.Model.Name)
		require.Equal(t, "weights.h5", b.Origin.Source)
	}
	b, err := backbone("b3", "")
	require.NoError(t, err)
	require.Contains(t, b.Origin.Source, "efficientnetb3.h5")
}

func TestAFileOfWeightsServesInPlaceOfThePublished(t *testing.T) {
	file := shared.Path(t, "weights/efficientnetlite0.h5")
	r, _ := resultOf(t, flat(t), "-weights", file)
	require.GreaterOrEqual(t, r.TestAccuracy, .9)
	_, _, err := output(t, flat(t), "-backbone", "lite1", "-weights", file)
	require.ErrorContains(t, err, "block2c/expand/kernel: missing")
}

func TestADownloadIsInterruptedAndItsPartKept(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("ARGUS_CACHE", cache)
	part := filepath.Join(cache, "weights", "bcbd6486", "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5.part")
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "87910968")
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
		w.(http.Flusher).Flush()
		for { // no more comes
			if info, err := os.Stat(part); err == nil && info.Size() > 0 {
				cancel()
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(time.Millisecond):
			}
		}
	}))
	defer server.Close()
	t.Setenv("ARGUS_WEIGHTS", server.URL)
	var out, line bytes.Buffer
	err := run(ctx, []string{"-backbone", "inception-v3", flat(t)}, &out, io.Discard)
	require.Equal(t, 130, exitCode(err, &line), line.String())
	require.Equal(t, "quickstart: interrupted\n", line.String())
	require.Empty(t, out.String())
	require.FileExists(t, part, "the next run goes on from there")
}
