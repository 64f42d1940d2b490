package scrape

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"strings"
	"time"
)

// The files that Run keeps in the folder, beside the splits.
const (
	ManifestFile    = "manifest.jsonl"
	AttributionFile = "ATTRIBUTION.md"
	stagingFolder   = ".scrape" // hidden: no dataset looks into it
)

// Picture is a line of the manifest: a picture of the dataset.
type Picture struct {
	Path  string `json:"path"` // in the folder, with slashes: train/cat/cat_1.jpg
	Class string `json:"class"`
	Split Split  `json:"split"`
	Query string `json:"query"`
	// Asked is the split that the term asked for, if any.
	Asked  Split  `json:"asked,omitempty"`
	Source string `json:"source"`
	Result
	SHA256 string    `json:"sha256"` // of the file, in hexadecimal
	Bytes  int64     `json:"bytes"`
	Format string    `json:"format"`
	Width  int       `json:"width"`
	Height int       `json:"height"`
	Time   time.Time `json:"time"` // when it was placed, UTC
	// From is where Regroup took it from.
	From string `json:"from,omitempty"`
}

func (p Picture) term() Term { return Term{Query: p.Query, Class: p.Class, Split: p.Asked} }

// id is what a class has but once. It names the file while it is staged.
func (p Picture) id() string { return pictureID(p.Class, p.SHA256) }

func pictureID(class, sum string) string {
	of := sha256.Sum256([]byte(class))
	return fmt.Sprintf("%s-%x", sum, of[:8])
}

// ReadManifest returns the pictures that are in a folder made by Run, each as
// its last line in the manifest says. A picture that was converted into another
// format since has the Path of the new file and the rest of the old one.
func ReadManifest(folder string) ([]Picture, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	defer root.Close()
	var pictures []Picture
	for line, err := range presentLines(root) {
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, line.Picture)
	}
	return pictures, nil
}

type manifestLine struct {
	Picture
	start, end int64 // where it and the next line begin
}

const maxLine = 1 << 20 // bytes

// presentLines yields the last lines of pictures that are in the folder, each with
// the Path where it stands.
func presentLines(root *os.Root) iter.Seq2[manifestLine, error] {
	return func(yield func(manifestLine, error) bool) {
		for line, err := range lastLines(root) {
			there := err != nil
			if !there {
				line.Path, there = standsAt(root, line.Path)
			}
			if there && (!yield(line, err) || err != nil) {
				return
			}
		}
	}
}

// lastLines yields the last line of each picture. A manifest may be longer than
// memory: it is read twice, and only where those lines end is kept.
func lastLines(root *os.Root) iter.Seq2[manifestLine, error] {
	return func(yield func(manifestLine, error) bool) {
		last := map[key]int64{}
		for line, err := range manifestLines(root) {
			if err != nil {
				yield(line, err)
				return
			}
			last[keyOf(line.id())] = line.end
		}
		for line, err := range manifestLines(root) {
			if err == nil && last[keyOf(line.id())] != line.end {
				continue
			}
			if !yield(line, err) || err != nil {
				return
			}
		}
	}
}

// manifestLines yields what is in the manifest. A last line without its end was
// broken off and is left out; any other fault is an error.
func manifestLines(root *os.Root) iter.Seq2[manifestLine, error] {
	return func(yield func(manifestLine, error) bool) {
		f, err := root.Open(ManifestFile)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(manifestLine{}, fmt.Errorf("scrape: %w", err))
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(f, maxLine)
		var line manifestLine
		for number := 1; ; number++ {
			text, err := r.ReadSlice('\n')
			if err == io.EOF {
				return
			}
			line.start, line.end = line.end, line.end+int64(len(text))
			line.Picture = Picture{}
			if err == nil {
				err = line.parse(text)
			}
			if err != nil {
				yield(manifestLine{}, fmt.Errorf("scrape: %s: line %d: %w", ManifestFile, number, err))
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// parse reads a line and refuses what Run does not write: a manifest may have
// come with a dataset from elsewhere, and its paths will be moved and removed.
func (l *manifestLine) parse(text []byte) error {
	if err := json.Unmarshal(bytes.TrimSpace(text), &l.Picture); err != nil {
		return err
	}
	for _, p := range []string{l.Path, l.From} {
		split, class := Split(path.Dir(path.Dir(p))), path.Base(path.Dir(p))
		if p != "" && (path.Clean(p) != p || split != Train && split != Val && split != Test || class != l.Class) {
			return fmt.Errorf("path %q is not of the form split/class/file", p)
		}
	}
	if err := checkClass(l.Class); err != nil {
		return err
	}
	if l.Path == "" || len(l.SHA256) != 2*sha256.Size {
		return fmt.Errorf("path is %q and SHA-256 %q", l.Path, l.SHA256)
	}
	return nil
}

// standsAt is where the picture is that was placed at name: there, or beside it in
// another format, into which something converted it. No other picture of a class
// has its number.
func standsAt(root *os.Root, name string) (at string, there bool) {
	if isFile(root, name) {
		return name, true
	}
	stem := strings.TrimSuffix(name, path.Ext(name))
	for _, ext := range []string{".jpg", ".png", ".gif", ".bmp", ".tif", ".webp"} {
		if isFile(root, stem+ext) {
			return stem + ext, true
		}
	}
	return name, false
}

func isFile(root *os.Root, name string) bool {
	info, err := root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}
