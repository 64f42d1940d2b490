package clean

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/internal/shared"
)

func TestTheReportNamesColourProfiles(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"rocket.jpg", "chelsea.png", "coffee.png"} {
		data, err := os.ReadFile(shared.Path(t, "data/photos/"+name))
		require.NoError(t, err)
		fsys[name] = &fstest.MapFile{Data: data}
	}
	report, err := CheckFS(t.Context(), fsys, Options{})
	require.NoError(t, err)
	profiles := map[string]string{}
	for _, p := range report.Pictures {
		profiles[p.Path] = p.Profile
	}
	require.Equal(t, map[string]string{"rocket.jpg": "Adobe RGB (1998)", "chelsea.png": "sRGB IEC61966-2.1", "coffee.png": ""}, profiles)
}
