package argus

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheModelFileKeepsWhereThePicturesComeFrom(t *testing.T) {
	data := rgb(t)
	origins := json.RawMessage(`{"licences":{"CC0-1.0":84}}`)
	c, _ := fittedTo(t, data, FitOptions{Epochs: 1, Provenance: origins})
	var file bytes.Buffer
	_, err := c.WriteTo(&file)
	require.NoError(t, err)
	loaded, err := ReadClassifier(&file)
	require.NoError(t, err)
	require.JSONEq(t, string(origins), string(loaded.Info().Fit.Provenance))
	_, err = c.Fit(context.Background(), data, FitOptions{Provenance: json.RawMessage(`{"licences":`)})
	require.ErrorContains(t, err, "provenance is no JSON")
}
