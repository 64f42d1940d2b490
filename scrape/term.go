package scrape

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Split is a part of the dataset; "" leaves the choice to Run.
type Split string

// The splits.
const (
	Train Split = "train"
	Val   Split = "val"
	Test  Split = "test"
)

// Term is what to search for, and where the pictures go.
type Term struct {
	Query string `json:"query"`
	// Class is the folder's name; "" means Query with "_" for what no folder is
	// named with.
	Class string `json:"class"`
	// Count is how many pictures are wanted; 0 means 100.
	Count int   `json:"count"`
	Split Split `json:"split,omitempty"`
}

// columns are the fields of a table of terms and their names in lower case, with
// "_" for what is no letter or digit. The first is the one that the system before this
// one documented, others are those that it read or that users write.
var columns = []struct {
	names []string
	set   func(t *Term, value string) error
}{
	{[]string{"search_term", "search_terms", "term", "query"}, func(t *Term, s string) error { t.Query = s; return nil }},
	{[]string{"folder_name", "folder", "category", "class", "label"}, func(t *Term, s string) error { t.Class = s; return nil }},
	{[]string{"number_imgs", "number_images", "nb_images", "count", "number"}, setCount},
	{[]string{"train_val", "train_val_test", "set", "split", "level"}, func(t *Term, s string) (err error) { t.Split, err = ParseSplit(s); return err }},
}

func setCount(t *Term, s string) error {
	n, err := strconv.ParseFloat(s, 64) // spreadsheets write 150.0
	if err != nil || n != float64(int(n)) || n < 1 {
		return fmt.Errorf("%q is no number of pictures", s)
	}
	t.Count = int(n)
	return nil
}

// ParseSplit reads train, val (also valid, validation) or test, in any case.
func ParseSplit(s string) (Split, error) {
	switch strings.ToLower(s) {
	case "train", "training":
		return Train, nil
	case "val", "valid", "validation":
		return Val, nil
	case "test":
		return Test, nil
	}
	return "", fmt.Errorf("%q is no split, want train, val or test", s)
}

// ReadTerms reads a table with a head line: search_term, number_imgs,
// folder_name and train_val (or their aliases: term, count, class, split…), of
// which only the first must be there. Commas, semicolons or tabs divide it; it
// is UTF-8, with or without byte order mark, or else Latin-1 (as Windows
// extends it). Errors name the line.
func ReadTerms(r io.Reader) ([]Term, error) {
	rows, err := readTable(r)
	if err != nil {
		return nil, fmt.Errorf("scrape: terms: %w", err)
	}
	set, err := matchColumns(rows.head)
	if err != nil {
		return nil, fmt.Errorf("scrape: terms: line 1: %w", err)
	}
	var terms []Term
	for row, err := range rows.all() {
		if err != nil {
			return nil, fmt.Errorf("scrape: terms: %w", err)
		}
		var t Term
		for i, value := range row.fields {
			if value == "" || i >= len(set) || set[i] == nil {
				continue
			}
			if err := set[i](&t, value); err != nil {
				return nil, fmt.Errorf("scrape: terms: line %d: column %s: %w", row.line, rows.head[i], err)
			}
		}
		if t, err = t.complete(); err != nil {
			return nil, fmt.Errorf("scrape: terms: line %d: %w", row.line, err)
		}
		terms = append(terms, t)
	}
	if len(terms) == 0 {
		return nil, errors.New("scrape: terms: no line but the head")
	}
	return terms, nil
}

func matchColumns(head []string) ([]func(*Term, string) error, error) {
	set := make([]func(*Term, string) error, len(head))
	for c, column := range columns {
		at := slices.IndexFunc(head, func(name string) bool { return slices.Contains(column.names, plain(name)) })
		if at >= 0 {
			set[at] = column.set
		} else if c == 0 {
			return nil, fmt.Errorf("no column %s among %q", column.names[0], head)
		}
	}
	return set, nil
}

// plain is a column's name in lower case, runs of other signs as one "_".
func plain(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "_")
}

// complete returns t with its defaults, or what is wrong with it.
func (t Term) complete() (Term, error) {
	t.Query = strings.TrimSpace(t.Query)
	if t.Query == "" {
		return t, errors.New("no search term")
	}
	if t.Class == "" {
		t.Class = folderName(t.Query)
	}
	if err := checkClass(t.Class); err != nil {
		return t, fmt.Errorf("term %q: %w", t.Query, err)
	}
	if t.Count < 0 {
		return t, fmt.Errorf("term %q: %d pictures are wanted, want none below 0", t.Query, t.Count)
	}
	if t.Count == 0 {
		t.Count = 100
	}
	if t.Split != "" && t.Split != Train && t.Split != Val && t.Split != Test {
		return t, fmt.Errorf("term %q: %q is no split, want train, val or test", t.Query, t.Split)
	}
	return t, nil
}

// key tells terms apart in the manifest.
func (t Term) key() string { return t.Query + "\x00" + t.Class + "\x00" + string(t.Split) }

const forbidden = `/\:*?"<>|`

func folderName(query string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(forbidden, r) {
			return '_'
		}
		return r
	}, query), "._")
}

// devices are names that Windows keeps for itself.
var devices = []string{"con", "prn", "aux", "nul", "com", "lpt"}

// checkClass says why name cannot be a folder on every system.
func checkClass(name string) error {
	stem, _, _ := strings.Cut(strings.ToLower(name), ".")
	switch {
	case name == "" || len(name) > 120 || !utf8.ValidString(name):
		return fmt.Errorf("class %q is no folder name: want 1 to 120 bytes of UTF-8", name)
	case strings.ContainsAny(name, forbidden) || strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("class %q is no folder name: it has one of %s or a control character", name, forbidden)
	case name[0] == '.' || strings.HasSuffix(name, ".") || strings.TrimSpace(name) != name:
		return fmt.Errorf("class %q is no folder name: it begins or ends with a dot or a space", name)
	case slices.Contains(devices, strings.TrimRight(stem, "0123456789")):
		return fmt.Errorf("class %q is no folder name on Windows", name)
	}
	return nil
}

// table is a CSV file whose head line has been read.
type table struct {
	head   []string
	reader *csv.Reader
}

type row struct {
	line   int
	fields []string
}

func readTable(r io.Reader) (*table, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxTable+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxTable {
		return nil, fmt.Errorf("longer than %d bytes", maxTable)
	}
	text := toUTF8(data)
	first, _, _ := strings.Cut(text, "\n")
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma = divider(first)
	reader.FieldsPerRecord = -1
	reader.LazyQuotes = true
	reader.TrimLeadingSpace = reader.Comma != '\t'
	head, err := reader.Read()
	if err == io.EOF {
		return nil, errors.New("empty")
	}
	if err != nil {
		return nil, err
	}
	return &table{head, reader}, nil
}

const maxTable = 100 << 20 // bytes

// all yields the rows that are not blank, their fields trimmed.
func (t *table) all() func(yield func(row, error) bool) {
	return func(yield func(row, error) bool) {
		for {
			fields, err := t.reader.Read()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(row{}, err)
				return
			}
			for i := range fields {
				fields[i] = strings.TrimSpace(fields[i])
			}
			line, _ := t.reader.FieldPos(0)
			if strings.Join(fields, "") != "" && !yield(row{line, fields}, nil) {
				return
			}
		}
	}
}

// divider is the one of comma, semicolon and tab that the head has most of.
func divider(head string) rune {
	best := ','
	for _, r := range ";\t" {
		if strings.Count(head, string(r)) > strings.Count(head, string(best)) {
			best = r
		}
	}
	return best
}

// toUTF8 drops a byte order mark; what is not UTF-8 is read as Windows-1252,
// which is Latin-1 with letters in place of control characters.
func toUTF8(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if utf8.Valid(data) {
		return string(data)
	}
	var text strings.Builder
	for _, b := range data {
		if r := rune(b); r < 0x80 || r > 0x9f {
			text.WriteRune(r)
		} else {
			text.WriteRune(windows1252[b-0x80])
		}
	}
	return text.String()
}

// windows1252 are the characters of 0x80 to 0x9f.
var windows1252 = [32]rune{
	'€', 0x81, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0x8d, 'Ž', 0x8f,
	0x90, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0x9d, 'ž', 'Ÿ',
}
