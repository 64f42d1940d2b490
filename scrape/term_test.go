package scrape

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheOldTableIsReadInEveryEncoding(t *testing.T) {
	want := []Term{{"joueur d’été", "hockey_player", 150, Train}, {"chat", "chat", 100, Val}, {"a/b cat", "a_b_cat", 20, ""}}
	const table = "search_term,number_imgs,folder_name,train_val\njoueur d’été,150,hockey_player,train\nchat,,,validation\n\n\"a/b cat\", 20 ,,\n"
	latin1 := strings.NewReplacer("é", "\xe9", "’", "\x92").Replace(table)
	for name, text := range map[string]string{
		"UTF-8":                table,
		"byte order mark":      "\xef\xbb\xbf" + table,
		"Latin-1":              latin1,
		"semicolons":           strings.ReplaceAll(table, ",", ";"),
		"tabs":                 strings.ReplaceAll(table, ",", "\t"),
		"Windows line ends":    strings.ReplaceAll(table, "\n", "\r\n"),
		"names of the program": strings.Replace(table, "folder_name,train_val", "Category,SET", 1),
		"other names":          strings.Replace(table, "search_term,number_imgs,folder_name,train_val", "Query,Count,class,train/val/test", 1),
		"numbers of a sheet":   strings.Replace(table, ",150,", ",150.0,", 1),
		"further columns":      strings.ReplaceAll(strings.Replace(table, "train_val", "train_val,note", 1), "train\n", "train,x\n"),
	} {
		terms, err := ReadTerms(strings.NewReader(text))
		require.NoError(t, err, name)
		require.Equal(t, want, terms, name)
	}
}

func TestWhatIsWrongInATableIsNamedByItsLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "empty",
		"search_term\n":                "no line but the head",
		"name,count\ncat,3":            `line 1: no column search_term among ["name" "count"]`,
		"query,count\ncat,3\ndog,many": `line 3: column count: "many" is no number`,
		"query,count\ncat,1.5":         `line 2: column count: "1.5"`,
		"query,set\ncat,dev":           `line 2: column set: "dev" is no split`,
		"query,class\ncat,../cat":      `line 2: term "cat": class "../cat" is no folder name`,
		"query,class\ncat,CON":         "on Windows",
		"query,class\n,cat":            "line 2: no search term",
		"query,class\ncat," + strings.Repeat("x", 200): "1 to 120 bytes",
	} {
		_, err := ReadTerms(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func FuzzReadTerms(f *testing.F) {
	f.Add([]byte("search_term,number_imgs,folder_name,train_val\ncat,3,cat,train\n"))
	f.Add([]byte("query;class\n\xe9t\xe9;x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		terms, err := ReadTerms(strings.NewReader(string(data)))
		for _, term := range terms {
			require.NoError(t, err)
			require.NoError(t, checkClass(term.Class))
			require.Positive(t, term.Count)
		}
	})
}
