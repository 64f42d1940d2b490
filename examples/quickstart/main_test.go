package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain gives the tests a feature cache of their own.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "quickstart-test-")
	if err != nil {
		panic(err)
	}
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} { // see os.UserCacheDir
		os.Setenv(name, dir)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// output runs the program, its model going to a temporary folder.
func output(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = run(t.Context(), append(args, "-o", filepath.Join(t.TempDir(), "model.argus")), &out, &errs)
	return out.String(), errs.String(), err
}

// resultOf runs the program with -json.
func resultOf(t *testing.T, args ...string) (r result, stderr string) {
	t.Helper()
	out, stderr, err := output(t, append(args, "-json")...)
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), out)
	require.False(t, d.More(), "one object and nothing else")
	return r, stderr
}

func TestTheEmbeddedPhotographsAreToldApartOnRegionsNotSeen(t *testing.T) {
	out, stderr, err := output(t)
	require.NoError(t, err)
	var accuracy, low, high float64
	var n int
	_, err = fmt.Sscanf(out, "accuracy %f (%f to %f, n = %d)", &accuracy, &low, &high, &n)
	require.NoError(t, err, out)
	require.GreaterOrEqual(t, accuracy, .95)
	require.Equal(t, 72, n)
	require.Contains(t, out, "espresso")
	require.Contains(t, out, "cat")
	require.Contains(t, stderr, "features: ")
	require.NotContains(t, stderr, "\r", "a bar is for terminals")
}

func TestShuffledLabelsTeachNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeTiles(dir))
	lower, err := filepath.Glob(filepath.Join(dir, "*", "*", "tile-?-[4-7].png"))
	require.NoError(t, err)
	for _, tile := range lower { // the upper half does, in half the time
		require.NoError(t, os.Remove(tile))
	}
	for _, split := range []string{"train", "val"} {
		shuffleLabels(t, filepath.Join(dir, split))
	}
	r, _ := resultOf(t, dir)
	require.Equal(t, 36, r.TestN)
	require.Less(t, r.TestAccuracy, .7)
}

// shuffleLabels deals the tiles of each class of a split evenly to all classes,
// so that not even a majority of a class keeps its label.
func shuffleLabels(t *testing.T, split string) {
	rng := rand.New(rand.NewPCG(1, 2))
	moved := map[string]string{}
	for i, class := range materials {
		tiles, err := filepath.Glob(filepath.Join(split, class, "*.png"))
		require.NoError(t, err)
		rng.Shuffle(len(tiles), func(a, b int) { tiles[a], tiles[b] = tiles[b], tiles[a] })
		for k, tile := range tiles {
			to := materials[(i+1+k)%len(materials)]
			moved[tile] = filepath.Join(split, to, class+"-"+filepath.Base(tile))
		}
	}
	for from, to := range moved {
		require.NoError(t, os.Rename(from, to))
	}
}

// flat writes the tiles of two rows of two classes, without splits.
func flat(t *testing.T) string {
	dir := t.TempDir()
	for _, material := range materials[:2] {
		photo, err := openPhoto(material)
		require.NoError(t, err)
		require.NoError(t, os.Mkdir(filepath.Join(dir, material), 0o755))
		for column := range len(splitOfColumn) {
			for row := range 2 {
				name := fmt.Sprintf("%d-%d.png", column, row)
				require.NoError(t, writePNG(filepath.Join(dir, material, name), tile(photo, column, row)))
			}
		}
	}
	return dir
}

func TestAFlatFolderIsSplitAndWhatIsNoPictureIsSkippedAndNamed(t *testing.T) {
	dir := flat(t)
	for _, name := range []string{"notes.jpg", "more.jpg", "words.jpg"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "brick", name), []byte("no picture: "+name), 0o644))
	}
	r, stderr := resultOf(t, dir, "-seed", "7")
	require.Len(t, r.Bad, 3)
	require.Contains(t, stderr, "skipped brick/notes.jpg: ")
	require.Positive(t, r.TestN)
	require.Less(t, r.TestN, 16, "most of 32 pictures are for training")
	cached, err := os.ReadDir(options{dir: dir}.cache())
	require.NoError(t, err)
	require.NotEmpty(t, cached)
}

func TestJSONHoldsWhatIsPromised(t *testing.T) {
	dir := flat(t)
	out, _, err := output(t, "-json", dir)
	require.NoError(t, err)
	var got struct {
		Accuracy *float64            `json:"test_accuracy"`
		N        int                 `json:"test_n"`
		Seconds  map[string]*float64 `json:"seconds"`
		All      []map[string]any    `json:"predictions"`
		Answers  []answer            `json:"answers"`
	}
	require.NoError(t, json.Unmarshal([]byte(out), &got))
	require.NotNil(t, got.Accuracy)
	for _, name := range []string{"decode", "features", "train"} {
		require.NotNil(t, got.Seconds[name], name)
	}
	require.Len(t, got.All, got.N)
	right := 0
	for _, p := range got.All {
		require.Contains(t, []any{"brick", "grass"}, p["truth"])
		require.FileExists(t, filepath.Join(dir, p["path"].(string)))
		require.Greater(t, p["probability"], .5, "the likelier of two")
		if p["truth"] == p["label"] {
			right++
		}
	}
	require.InDelta(t, *got.Accuracy, float64(right)/float64(got.N), 1e-9)

	require.Len(t, got.Answers, 3)
	trained := got.Answers[0] // of the model as loaded from its file
	require.Equal(t, got.All[0]["path"], trained.Photo)
	require.Equal(t, got.All[0]["label"], trained.Labels[0].Label)
	require.InDelta(t, got.All[0]["probability"], trained.Labels[0].Probability, 1e-5)
}

func TestWithOutTheTilesStay(t *testing.T) {
	out := t.TempDir()
	dir, remove, err := options{out: out}.folder()
	require.NoError(t, err)
	remove()
	require.Equal(t, out, dir)
	require.FileExists(t, filepath.Join(out, "test", "brick", "tile-7-7.png"))

	dir, remove, err = options{}.folder()
	require.NoError(t, err)
	require.DirExists(t, filepath.Join(dir, "train", "grass"))
	remove()
	require.NoDirExists(t, dir)
}

func TestWhatIsWrongIsSaidInOneLine(t *testing.T) {
	one := t.TempDir()
	require.NoError(t, os.Rename(filepath.Join(flat(t), "brick"), filepath.Join(one, "brick")))
	file := filepath.Join(t.TempDir(), "photos")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	missing := filepath.Join(one, "nowhere")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"missing folder":     {[]string{missing}, missing},
		"a file":             {[]string{file}, "want a folder"},
		"empty folder":       {[]string{t.TempDir()}, "class"},
		"one class":          {[]string{one}, "class"},
		"two folders":        {[]string{one, file}, "want one"},
		"-out with DIR":      {[]string{"-out", one, file}, "-out"},
		"no such flag":       {[]string{"-x"}, "-x"},
		"no such network":    {[]string{"-backbone", "alexnet"}, `no network "alexnet"; there are b0, b1`},
		"not published":      {[]string{"-backbone", "lite1"}, `no weights "imagenet" are published for "lite1"`},
		"no such weights":    {[]string{"-backbone", "lite1", "-weights", missing, flat(t)}, missing + ": no such file"},
		"seed is no number":  {[]string{"-seed", "one"}, "seed"},
		"out cannot be made": {[]string{"-out", filepath.Join(file, "tiles")}, file},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _, err := output(t, c.args...)
			require.ErrorContains(t, err, c.want)
			require.Empty(t, stdout)
			var line bytes.Buffer
			require.Equal(t, 1, exitCode(err, &line))
			require.Equal(t, 1, strings.Count(line.String(), "\n"), line.String())
			require.True(t, strings.HasPrefix(line.String(), "quickstart: "))
		})
	}
}

func TestAnInterruptedRunEndsWith130AndLeavesNothing(t *testing.T) {
	temp, model := t.TempDir(), filepath.Join(t.TempDir(), "model.argus")
	t.Setenv("TMPDIR", temp)
	t.Setenv("TMP", temp)
	ctx, cancel := context.WithCancel(t.Context())
	stop := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }) // at the first line of progress
	var out, line bytes.Buffer
	err := run(ctx, []string{"-o", model}, &out, stop)
	require.Equal(t, 130, exitCode(err, &line))
	require.Equal(t, "quickstart: interrupted\n", line.String())
	require.Empty(t, out.String())
	require.NoFileExists(t, model)
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestHelpIsNoError(t *testing.T) {
	out, _, err := output(t, "-h")
	require.True(t, errors.Is(err, flag.ErrHelp))
	require.Zero(t, exitCode(err, nil))
	require.Contains(t, out, "usage: quickstart")
	require.Contains(t, out, "-seed")
}

func TestFlagsMayFollowTheFolder(t *testing.T) {
	o, err := parse([]string{"-seed", "3", "photos", "-json"}, nil)
	require.NoError(t, err)
	require.Equal(t, options{dir: "photos", model: "model.argus", backbone: "lite0", json: true, seed: 3}, o)
}
