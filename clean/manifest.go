package clean

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/argus-go/argus/internal/fileops"
)

// A line of the manifest, a JSON object, is an intent: it is written before its
// file is moved, and is true while there is a file at To.
type line struct {
	From       fileName  `json:"from"`
	To         fileName  `json:"to"`
	Kind       Kind      `json:"kind"`
	Detail     string    `json:"detail,omitempty"`
	Time       time.Time `json:"time"`
	Made       fileName  `json:"made,omitempty"`
	MadeSHA256 string    `json:"made_sha256,omitempty"`
	Temp       fileName  `json:"temp,omitempty"`
	Pending    bool      `json:"pending,omitempty"`
}

// manifest reads the entries, none if there is no manifest.
func (f *folder) manifest() ([]Entry, error) {
	data, err := f.root.ReadFile(filepath.FromSlash(manifestPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseManifest(data)
}

func parseManifest(data []byte) ([]Entry, error) {
	var entries []Entry
	for i, text := range bytes.Split(data, []byte("\n")) {
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", manifestPath, i+1, err)
		}
		e := Entry{string(l.From), string(l.To), l.Kind, l.Detail, l.Time, string(l.Made), l.MadeSHA256, string(l.Temp), l.Pending}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", manifestPath, i+1, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// check says whether the paths are where Quarantine may have put them.
func (e Entry) check() error {
	in := func(name string) bool { return strings.HasPrefix(name, quarantineFolder+"/") && name != manifestPath }
	local := func(name string) bool {
		return filepath.IsLocal(filepath.FromSlash(name)) && name == path.Clean(name) && name != "."
	}
	switch {
	case !local(e.From) || in(e.From) || e.From == quarantineFolder || e.From == manifestPath:
		return fmt.Errorf("%q is not a path in the dataset", e.From)
	case !local(e.To) || !in(e.To):
		return fmt.Errorf("%q is not a path in quarantine", e.To)
	case e.Made == "" && e.temp == "":
		return nil
	case !local(e.Made) || in(e.Made) || e.Made == quarantineFolder || e.Made == manifestPath:
		return fmt.Errorf("%q is not a path in the dataset", e.Made)
	case e.temp != "" && (!local(e.temp) || path.Dir(e.temp) != quarantineFolder || !strings.HasPrefix(path.Base(e.temp), tempPrefix)):
		return fmt.Errorf("%q is not a temporary file in quarantine", e.temp)
	}
	return nil
}

// writeManifest replaces the manifest as a whole.
func (f *folder) writeManifest(entries []Entry) error {
	var b bytes.Buffer
	for _, e := range entries {
		text, err := json.Marshal(line{fileName(e.From), fileName(e.To), e.Kind, e.Detail, e.Time, fileName(e.Made), e.MadeSHA256, fileName(e.temp), e.pending})
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	if err := f.sys.MkdirAll(f.at(quarantineFolder)); err != nil {
		return err
	}
	if err := f.sys.SyncDir(f.at(".")); err != nil {
		return err
	}
	return fileops.Write(f.sys, f.at(manifestPath), f.at(quarantineFolder+"/"+tempPrefix+"manifest"), func(w io.Writer) error {
		_, err := w.Write(b.Bytes())
		return err
	})
}

// rooted is the files below a folder: links do not lead out of it.
type rooted struct{ *os.Root }

func (r rooted) MkdirAll(path string) error { return r.Root.MkdirAll(path, 0o777) }

func (r rooted) Create(path string) (fileops.File, error) { return r.Root.Create(path) }

func (r rooted) SyncDir(path string) error {
	// The folder is opened below the root, and then by the name it has there.
	d, err := r.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return fileops.Disk{}.SyncDir(d.Name())
}
