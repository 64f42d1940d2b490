package scrape

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// URLList is a file of addresses, told by its extension:
//
//	.txt     one in each line; empty lines and those that begin with # are passed over
//	.csv     a table with the columns url, title, licence (or license), licence_url,
//	         author (or creator), page (or landing_page) and search_term (or query,
//	         class), of which url alone must be there
//	.jsonl   an object in each line with the same names
//
// Rows that name a search term are found by that alone, others by each.
type URLList struct {
	File string
}

// Name returns "list" and the file's name.
func (l URLList) Name() string { return "list " + filepath.Base(l.File) }

const listPage = 100

// Search yields pages of 100.
func (l URLList) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		var page []Result
		fail := func(err error) bool { return yield(nil, fmt.Errorf("%s: %w", l.File, err)) }
		f, err := os.Open(l.File)
		if err != nil {
			fail(err)
			return
		}
		defer f.Close()
		for row, err := range listRows(path.Ext(l.File), f) {
			if err = cmp.Or(ctx.Err(), err); err != nil {
				fail(err)
				return
			}
			if of := row.pick("search_term", "query", "class"); of != "" && of != query {
				continue
			}
			page = append(page, Result{
				URL: row["url"], Title: row["title"], Licence: row.pick("licence", "license"), LicenceURL: row.pick("licence_url", "license_url"),
				Author: row.pick("author", "creator"), Page: row.pick("page", "landing_page", "foreign_landing_url"),
			})
			if len(page) == listPage {
				if !yield(page, nil) {
					return
				}
				page = nil
			}
		}
		if len(page) > 0 {
			yield(page, nil)
		}
	}
}

// listRow is a row by column names, as plain writes them.
type listRow map[string]string

func (r listRow) pick(names ...string) string {
	for _, name := range names {
		if r[name] != "" {
			return r[name]
		}
	}
	return ""
}

func listRows(ext string, r io.Reader) iter.Seq2[listRow, error] {
	switch strings.ToLower(ext) {
	case ".csv", ".tsv":
		return csvRows(r)
	case ".txt", "":
		return lineRows(r, func(line string) (listRow, error) {
			if strings.HasPrefix(line, "#") {
				return nil, nil
			}
			return listRow{"url": line}, nil
		})
	case ".jsonl", ".ndjson":
		return lineRows(r, func(line string) (row listRow, err error) {
			var values map[string]any
			err = json.Unmarshal([]byte(line), &values)
			row = listRow{}
			for name, value := range values {
				if text, ok := value.(string); ok {
					row[plain(name)] = text
				}
			}
			return row, err
		})
	}
	return func(yield func(listRow, error) bool) {
		yield(nil, fmt.Errorf("extension %q, want .txt, .csv or .jsonl", ext))
	}
}

// lineRows yields what parse makes of each line; nil rows are passed over.
func lineRows(r io.Reader, parse func(string) (listRow, error)) iter.Seq2[listRow, error] {
	return func(yield func(listRow, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxLine)
		for number := 1; lines.Scan(); number++ {
			line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
			if line == "" {
				continue
			}
			row, err := parse(line)
			if err == nil && row != nil && row["url"] == "" {
				err = errors.New("no url")
			}
			if err != nil {
				err = fmt.Errorf("line %d: %w", number, err)
			}
			if (row != nil || err != nil) && (!yield(row, err) || err != nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, err)
		}
	}
}

func csvRows(r io.Reader) iter.Seq2[listRow, error] {
	return func(yield func(listRow, error) bool) {
		t, err := readTable(r)
		if err != nil {
			yield(nil, err)
			return
		}
		names := make([]string, len(t.head))
		for i, name := range t.head {
			names[i] = plain(name)
		}
		if !slices.Contains(names, "url") {
			yield(nil, fmt.Errorf("line 1: no column url among %q", t.head))
			return
		}
		for fields, err := range t.all() {
			row := listRow{}
			for i, value := range fields.fields[:min(len(fields.fields), len(names))] {
				row[names[i]] = value
			}
			if err == nil && row["url"] == "" {
				err = fmt.Errorf("line %d: no url", fields.line)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Folder is a folder of pictures on this machine: all files below the folder that
// is named as the term's query, or below the whole where there is none. Links are
// followed inside of it only.
type Folder struct {
	Dir string
	// Licence and Author are those of all its pictures.
	Licence, Author string
}

// Name returns "folder" and the folder's name.
func (f Folder) Name() string { return "folder " + filepath.Base(f.Dir) }

// Search yields pages of 100, by path.
func (f Folder) Search(ctx context.Context, query string) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		root, err := os.OpenRoot(f.Dir)
		if err != nil {
			yield(nil, err)
			return
		}
		defer root.Close()
		top := "."
		if fs.ValidPath(query) {
			if info, err := root.Stat(query); err == nil && info.IsDir() {
				top = query
			}
		}
		var page []Result
		err = fs.WalkDir(root.FS(), top, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case strings.HasPrefix(d.Name(), ".") && name != ".":
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			case d.IsDir():
				return ctx.Err()
			}
			page = append(page, f.result(name))
			if len(page) < listPage {
				return nil
			}
			full := page
			page = nil
			if !yield(full, nil) {
				return errStop
			}
			return nil
		})
		if errors.Is(err, errStop) {
			return
		}
		if len(page) > 0 && !yield(page, nil) {
			return
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

var errStop = errors.New("stop")

// address names a file of the folder without saying where on this machine it is:
// the last name of the folder's path, a hash of the whole, the path inside.
func (f Folder) address(name string) string {
	whole, err := filepath.Abs(f.Dir)
	if err != nil {
		whole = f.Dir
	}
	sum := sha256.Sum256([]byte(whole))
	return fmt.Sprintf("file:%s~%x/%s", filepath.Base(whole), sum[:4], name)
}

func (f Folder) result(name string) Result {
	return Result{
		URL: f.address(name), Title: path.Base(name), Licence: f.Licence, Author: f.Author,
		Open: func(context.Context) (io.ReadCloser, error) {
			root, err := os.OpenRoot(f.Dir)
			if err != nil {
				return nil, err
			}
			defer root.Close()
			info, err := root.Stat(name) // a pipe would never end
			if err != nil {
				return nil, err
			}
			if !info.Mode().IsRegular() {
				return nil, fmt.Errorf("%s is no regular file", name)
			}
			return root.Open(name)
		},
	}
}
