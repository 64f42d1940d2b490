package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// plain makes folders of pictures of one colour each.
func plain(t *testing.T) string {
	dir := t.TempDir()
	for class, c := range map[string]color.RGBA{"red": {200, 30, 30, 255}, "blue": {30, 30, 200, 255}} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, class), 0o777))
		for i := range 10 {
			m := image.NewRGBA(image.Rect(0, 0, 32, 32))
			c.G = uint8(5 * i)
			draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
			var b bytes.Buffer
			require.NoError(t, png.Encode(&b, m))
			require.NoError(t, os.WriteFile(filepath.Join(dir, class, string(rune('a'+i))+".png"), b.Bytes(), 0o666))
		}
	}
	return dir
}

func TestTuneTrainsSavesAndDraws(t *testing.T) {
	out := t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{"-photos", plain(t), "-trials", "3", "-journal", filepath.Join(out, "journal"), "-figures", out, "-model", filepath.Join(out, "model.argus")}
	require.NoError(t, run(context.Background(), args, &stdout, &stderr))
	for _, name := range []string{"journal", "model.argus", "convergence.svg", "dependence.svg", "importance.svg"} {
		require.FileExists(t, filepath.Join(out, name))
	}
	for _, want := range []string{" 3 of 3 in ", "defaults: loss ", "learning_rate", "trained with them: validation 1.000"} {
		require.Contains(t, stdout.String(), want)
	}
	require.ErrorContains(t, run(context.Background(), []string{"-space", "all"}, &stdout, &stderr), `space is "all", want head, classic or records`)
}
