package augment

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/argus-go/argus/internal/fileops"
	"github.com/argus-go/argus/internal/picture"
)

// Limits says how big files and pictures may be.
type Limits = picture.Limits

// GenerateOptions say what Generate writes.
type GenerateOptions struct {
	PerClass int // pictures to make of each class; 1 or more
	// PNG writes PNG files, without loss, instead of JPEG files of Quality 1 to
	// 100, 95 by default.
	PNG     bool
	Quality int
	Limits  Limits
	Threads int // 0: all cores
	// Progress, if any, is called after each picture, by one goroutine at a time.
	Progress func(done, total int)
}

// Manifest says what Generate wrote: the file manifest.json of its folder.
type Manifest struct {
	Version   int       `json:"version"`
	Augmentor Augmentor `json:"augmentor"`
	PerClass  int       `json:"per_class"`
	PNG       bool      `json:"png,omitempty"`
	Quality   int       `json:"quality,omitempty"`
	Sources   []Source  `json:"sources"`
	Bad       []Bad     `json:"bad,omitempty"`
	// Files are in order; empty until all are written.
	Files []Generated `json:"files,omitempty"`
}

// Source is a picture that others are made of.
type Source struct {
	Path   string `json:"path"`
	Class  string `json:"class"`
	SHA256 string `json:"sha256"`
}

// Bad is a picture that could not be used, and why.
type Bad struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Generated is a picture that was made: version Epoch of a source.
type Generated struct {
	Path   string `json:"path"` // in the target, with slashes
	Source string `json:"source"`
	Epoch  int    `json:"epoch"`
	SHA256 string `json:"sha256"`
}

const (
	manifestName = "manifest.json"
	planName     = ".plan.json" // the manifest before all is written
)

// ErrOther says that a folder holds pictures of another call of Generate: with
// another Augmentor, other options or other sources.
var ErrOther = errors.New("holds pictures of another augmentor, other options or other sources")

// Generate writes PerClass versions of the pictures of each folder of from, its
// classes, to the folder of the same name in to, all pictures of a class used
// equally often. The same call writes the same bytes whenever it is made. One
// that was interrupted, killed even, is completed by the next: files that are
// there stay. Pictures that cannot be read are left out, and listed in the manifest; a
// picture that changes meanwhile is an error.
//
// No two calls may write to one folder at the same time.
func (a Augmentor) Generate(ctx context.Context, from fs.FS, to string, o GenerateOptions) (*Manifest, error) {
	g := generator{from: from, to: to, GenerateOptions: o, sys: fileops.Disk{}}
	m, err := g.run(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("augment: generate %s: %w", to, err)
	}
	return m, nil
}

type generator struct {
	GenerateOptions
	from fs.FS
	to   string
	sys  fileops.System
	plan *Manifest

	mu          sync.Mutex
	done, total int
}

func (g *generator) run(ctx context.Context, a Augmentor) (*Manifest, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	g.Quality, g.Threads = cmp.Or(g.Quality, 95), cmp.Or(g.Threads, runtime.GOMAXPROCS(0))
	if err := within(bound{"per class", float64(g.PerClass), 1, 1e7}, bound{"quality", float64(g.Quality), 1, 100}, bound{"threads", float64(g.Threads), 1, 1e4}); err != nil {
		return nil, err
	}
	wanted := &Manifest{Version: 1, Augmentor: a, PerClass: g.PerClass, PNG: g.PNG, Quality: g.Quality}
	if g.PNG {
		wanted.Quality = 0
	}
	if err := g.prepare(ctx, wanted); err != nil {
		return nil, err
	}
	return g.plan, g.write(ctx)
}

// prepare reads the plan, or makes one.
func (g *generator) prepare(ctx context.Context, wanted *Manifest) error {
	for _, name := range []string{manifestName, planName} {
		data, err := os.ReadFile(filepath.Join(g.to, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		g.plan = new(Manifest)
		if err := json.Unmarshal(data, g.plan); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		g.plan.Augmentor = g.plan.Augmentor.With(functions(wanted.Augmentor)...)
		return g.same(wanted)
	}
	if err := g.sys.MkdirAll(g.to); err != nil {
		return err
	}
	if err := g.survey(ctx, wanted); err != nil {
		return err
	}
	g.plan = wanted
	return g.save(planName)
}

// functions are the user's operations of a.
func functions(a Augmentor) (ops []Op) {
	for _, s := range a.Steps {
		if f, ok := s.Op.(function); ok {
			ops = append(ops, f)
		}
	}
	return ops
}

// same says whether the plan is of the wanted options.
func (g *generator) same(wanted *Manifest) error {
	head := func(m *Manifest) (string, error) {
		h := *m
		h.Sources, h.Bad, h.Files = nil, nil, nil
		text, err := json.Marshal(h)
		return string(text), err
	}
	have, err := head(g.plan)
	if err != nil {
		return err
	}
	want, err := head(wanted)
	if err != nil {
		return err
	}
	if have != want {
		return fmt.Errorf("%w: %s, want %s", ErrOther, have, want)
	}
	return nil
}

func (g *generator) save(name string) error {
	text, err := json.MarshalIndent(g.plan, "", "\t")
	if err != nil {
		return err
	}
	return g.put(filepath.Join(g.to, name), append(text, '\n'))
}

// left begins the name of a file that is not whole yet.
const left = ".tmp-"

// put writes a file so that it is whole or not there.
func (g *generator) put(name string, data []byte) error {
	temp := filepath.Join(filepath.Dir(name), left+filepath.Base(name))
	return fileops.Write(g.sys, name, temp, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// survey lists the sources and looks which can be read.
func (g *generator) survey(ctx context.Context, m *Manifest) error {
	all, err := g.list()
	if err != nil {
		return err
	}
	reasons := make([]error, len(all))
	err = g.each(ctx, len(all), func(i int) error {
		data, err := g.read(all[i].Path)
		if err == nil {
			all[i].SHA256 = digest(data)
			_, err = picture.Decode(data, g.Limits)
		}
		reasons[i] = err
		return nil
	})
	if err != nil {
		return err
	}
	used := map[string]int{}
	for i, s := range all {
		used[s.Class] += 0
		if reasons[i] != nil {
			m.Bad = append(m.Bad, Bad{s.Path, reasons[i].Error()})
			continue
		}
		used[s.Class]++
		m.Sources = append(m.Sources, s)
	}
	if len(used) == 0 {
		return fmt.Errorf("there are no folders with pictures to make others of")
	}
	for class, n := range used {
		if n == 0 {
			return fmt.Errorf("class %q has no usable picture: %s: %s", class, m.Bad[0].Path, m.Bad[0].Reason)
		}
	}
	return nil
}

// list walks the folders; sources are sorted by class and path.
func (g *generator) list() ([]Source, error) {
	entries, err := fs.ReadDir(g.from, ".")
	if err != nil {
		return nil, err
	}
	var all []Source
	for _, e := range entries {
		class := e.Name()
		if !e.IsDir() || strings.HasPrefix(class, ".") {
			continue
		}
		if strings.ContainsAny(class, `/\`) || !filepath.IsLocal(class) {
			return nil, fmt.Errorf("class %q cannot be the name of a folder", class)
		}
		err := fs.WalkDir(g.from, class, func(name string, d fs.DirEntry, err error) error {
			switch hidden := strings.HasPrefix(path.Base(name), "."); {
			case err != nil:
				return err
			case d.IsDir() && hidden:
				return fs.SkipDir
			case !d.IsDir() && !hidden && picture.IsName(name):
				all = append(all, Source{Path: name, Class: class})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Source) int { return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Path, b.Path)) })
	return all, nil
}

func (g *generator) read(name string) ([]byte, error) {
	f, err := g.from.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%q is not a regular file", name))
	}
	return picture.Read(f, g.Limits)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// each calls f(0) … f(n−1) on g.Threads goroutines, until one fails.
func (g *generator) each(ctx context.Context, n int, f func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(g.Threads, n) {
		workers.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// write makes what is not there yet, and the manifest at last.
func (g *generator) write(ctx context.Context) error {
	files, bySource := g.files()
	known := map[string]string{} // from an earlier manifest
	for _, f := range g.plan.Files {
		known[f.Path] = f.SHA256
	}
	for _, class := range append(g.classes(), ".") {
		if err := g.sweep(class); err != nil {
			return err
		}
	}
	g.total = len(files)
	err := g.each(ctx, len(bySource), func(i int) error { return g.make(ctx, g.plan.Sources[i], bySource[i], known) })
	if err != nil {
		return err
	}
	g.plan.Files = files
	if err := g.save(manifestName); err != nil {
		return err
	}
	if err := g.sys.Remove(filepath.Join(g.to, planName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (g *generator) classes() (all []string) {
	for _, s := range g.plan.Sources {
		all = append(all, s.Class)
	}
	return slices.Compact(all)
}

// files lists what is to be made, and which of it of each source.
func (g *generator) files() (all []Generated, bySource [][]*Generated) {
	suffix := ".jpg"
	if g.PNG {
		suffix = ".png"
	}
	sources := g.plan.Sources
	all = make([]Generated, len(g.classes())*g.PerClass)
	bySource = make([][]*Generated, len(sources))
	next := all
	for lo := 0; lo < len(sources); {
		hi := lo
		for hi < len(sources) && sources[hi].Class == sources[lo].Class {
			hi++
		}
		for j := range g.PerClass {
			i := lo + j%(hi-lo)
			next[j] = Generated{
				Path:   path.Join(sources[lo].Class, fmt.Sprintf("%06d%s", j+1, suffix)),
				Source: sources[i].Path, Epoch: 1 + j/(hi-lo),
			}
			bySource[i] = append(bySource[i], &next[j])
		}
		next, lo = next[g.PerClass:], hi
	}
	return all, bySource
}

// sweep makes the class's folder, and removes what a killed call left half done.
func (g *generator) sweep(class string) error {
	dir := filepath.Join(g.to, class)
	if err := g.sys.MkdirAll(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), left) {
			err = errors.Join(err, g.sys.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// make makes the versions of one source that are not there.
func (g *generator) make(ctx context.Context, s Source, files []*Generated, known map[string]string) error {
	var p *RGB
	var content [sha256.Size]byte
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		target := filepath.Join(g.to, filepath.FromSlash(f.Path))
		if data, err := os.ReadFile(target); err == nil {
			f.SHA256 = digest(data)
			if sum, ok := known[f.Path]; !ok || sum == f.SHA256 {
				g.tell()
				continue
			}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if p == nil {
			data, err := g.read(s.Path)
			if err != nil {
				return fmt.Errorf("%s: %w", s.Path, err)
			}
			if content = sha256.Sum256(data); hex.EncodeToString(content[:]) != s.SHA256 {
				return fmt.Errorf("%s: is not the picture it was: its SHA-256 is %x, want %s", s.Path, content, s.SHA256)
			}
			if p, err = picture.Decode(data, g.Limits); err != nil {
				return fmt.Errorf("%s: %w", s.Path, err)
			}
		}
		q, err := g.plan.Augmentor.ApplyRGB(p, Key{content, f.Epoch})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
		data, err := g.encode(q)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Path, err)
		}
		f.SHA256 = digest(data)
		if err := g.put(target, data); err != nil {
			return err
		}
		g.tell()
	}
	return nil
}

func (g *generator) encode(p *RGB) ([]byte, error) {
	var b bytes.Buffer
	if g.PNG {
		err := png.Encode(&b, p.RGBA())
		return b.Bytes(), err
	}
	err := jpeg.Encode(&b, p.RGBA(), &jpeg.Options{Quality: g.Quality})
	return b.Bytes(), err
}

func (g *generator) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done++
	if g.Progress != nil {
		g.Progress(g.done, g.total)
	}
}
