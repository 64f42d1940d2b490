package clean

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// everything is a dataset with faults of all kinds and names to escape.
func everything(t testing.TB) fstest.MapFS {
	fsys := fstest.MapFS{"notes.txt": {Data: []byte("x")}}
	for kind, files := range faulty(t) {
		for name, data := range files {
			fsys["train/"+slug(kind)+"/"+name] = &fstest.MapFile{Data: data}
		}
	}
	a, b := asJPEG(t, scene(30, 200, 150)), asPNG(t, opaque(scene(30, 200, 150)))
	fsys[`train/a/"><img src=x onerror=alert(1)>.jpg`] = &fstest.MapFile{Data: a}
	fsys["train/b/javascript:alert(1).png"] = &fstest.MapFile{Data: b}
	fsys["test/a/\u202egpj.evil\n.jpg"] = &fstest.MapFile{Data: a}
	return fsys
}

func pageOf(t testing.TB, fsys fstest.MapFS, o PageOptions) string {
	var b bytes.Buffer
	require.NoError(t, check(t, fsys, Options{}).WriteHTML(context.Background(), &b, fsys, o))
	return b.String()
}

func TestThePageShowsEveryFaultAndNamesCannotBecomeMarkup(t *testing.T) {
	text := pageOf(t, everything(t), PageOptions{Title: "<b>cats & dogs"})
	if path := os.Getenv("ARGUS_CLEAN_PAGE"); path != "" {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	}
	tags := regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)([^<>]*)>`).FindAllStringSubmatch(text, -1)
	images, elements := 0, map[string]int{}
	for _, tag := range tags {
		elements[tag[1]]++
		require.NotRegexp(t, `(?i)\son[a-z]+\s*=`, tag[2])
		if tag[1] == "img" {
			images++
			require.Regexp(t, `^ src="data:image/jpeg;base64,[^"]*" width="\d+" height="\d+" alt=""$`, tag[2])
		}
		if tag[1] == "a" {
			require.Regexp(t, `^ href="#[a-z0-9-]*"$`, tag[2])
		}
	}
	require.Equal(t, strings.Count(text, "<"), len(tags)+strings.Count(text, "</")+1, "all else is text, but for the doctype")
	require.Greater(t, images, 20)
	for _, name := range []string{"script", "b", "link", "iframe"} {
		require.Zero(t, elements[name], name)
	}
	for _, f := range check(t, everything(t), Options{}).Faults {
		require.Contains(t, text, `<section id="`+slug(f.Kind)+`">`)
	}
	require.Contains(t, text, `\u202egpj.evil\n.jpg`, "what turns writing round is spelt out")
}

func TestThePageShowsNoMoreOfAKindThanItIsTold(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range 9 {
		fsys["a/"+string(rune('a'+i))+".jpg"] = &fstest.MapFile{Data: []byte("x")}
	}
	text := pageOf(t, fsys, PageOptions{PerKind: 4})
	require.Equal(t, 4, strings.Count(text, "<figure>"))
	require.Contains(t, text, "9, 5 of them not shown")
	require.Contains(t, pageOf(t, fstest.MapFS{}, PageOptions{}), "Nothing is wrong")
}

func TestAReportComesBackFromJSON(t *testing.T) {
	want := check(t, everything(t), Options{})
	data, err := json.Marshal(want)
	require.NoError(t, err)
	var got Report
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, want, got)
}

func TestNamesThatAreNotUTF8ComeBackFromJSON(t *testing.T) {
	r := Report{
		Pictures: []Picture{{Path: "\xff/a\xe9.jpg", Class: "\xff", Width: 3}},
		Faults:   []Fault{{Path: "\xff/a\xe9.jpg", Kind: Duplicate, Detail: "same bytes", Other: "\xfe"}},
		Clusters: []Cluster{{Key: "k", Paths: []string{"a", "b\xe9"}, Pairs: []Pair{{A: "a", B: "b\xe9", Same: SamePhoto, Bits: 3}}}},
	}
	want := []any{r, r.Plan(Duplicate)}
	data, err := json.Marshal(want)
	require.NoError(t, err)
	got := []any{&Report{}, &[]Move{}}
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, []any{&r, &[]Move{{Path: "\xff/a\xe9.jpg", Kind: Duplicate, Detail: "same bytes: \ufffd"}}}, got)
}

func TestAPageThatIsCancelledIsNotWritten(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fsys := everything(t)
	var b bytes.Buffer
	require.ErrorIs(t, check(t, fsys, Options{}).WriteHTML(ctx, &b, fsys, PageOptions{}), context.Canceled)
	require.Zero(t, b.Len())
}
