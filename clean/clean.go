// Package clean looks a folder of pictures over before it is learned from: files
// that are broken or not what they seem, pictures that hold nothing, duplicates,
// pictures that stand in two splits or two classes. What it finds is data (a
// Report), and nothing is deleted: Quarantine moves files aside, Restore moves
// them back.
package clean

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/argus-go/argus/internal/picture"
)

// Limits says how big a file and a picture may be before they are refused.
type Limits = picture.Limits

// Options says what Check takes exception to. The zero value is the good
// default; a negative number turns a check off.
type Options struct {
	MinSide   int     `json:"min_side,omitempty"`   // shorter side in pixels below which a picture is TooSmall; default 64
	MaxAspect float64 `json:"max_aspect,omitempty"` // longer side over shorter above which it is OddAspect; default 4
	// Dark is the grey value, 0 to 255, below which 95 % of a Dark picture's
	// area lies; default 48.
	Dark float64 `json:"dark,omitempty"`
	// Blur is the ratio of fine to coarse detail, at 256 pixels, below which a
	// picture is Blurred: sharp photographs have about 1, after a Gaussian blur
	// of a half of a percent of the longer side .45; default .58 (decision 0165).
	Blur float64 `json:"blur,omitempty"`
	// NoNear leaves out the search for near duplicates; identical pictures are
	// found all the same.
	NoNear bool `json:"no_near,omitempty"`

	Limits  Limits `json:"limits"`
	Threads int    `json:"threads,omitempty"` // cores; default all of GOMAXPROCS
}

func (o Options) completed() Options {
	set := func(v *float64, zero float64) {
		if *v == 0 {
			*v = zero
		}
	}
	if o.MinSide == 0 {
		o.MinSide = 64
	}
	set(&o.MaxAspect, 4)
	set(&o.Dark, 48)
	set(&o.Blur, .58)
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o
}

// Hooks are called while Check works, one call at a time. Any may be nil.
type Hooks struct {
	// Progress counts files looked at; done grows from 1 to total.
	Progress func(done, total int)
}

// Check looks over the pictures of the folder dir, laid out in any of these ways:
//
//	{train,val,test}/<class>/**   (validation and valid also mean val)
//	<class>/**
//	any files
//
// Hidden files and a folder made by Quarantine are passed over, symbolic links
// are followed. The same folder gives the same Report on any number of cores. It
// is an error if the folder cannot be listed, or if ctx ends; a file's troubles
// are in the Report.
func Check(ctx context.Context, dir string, o Options, hooks ...Hooks) (Report, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return Report{}, fmt.Errorf("clean: %w", err)
	}
	if !info.IsDir() {
		return Report{}, fmt.Errorf("clean: %s is a file, want a folder", dir)
	}
	return CheckFS(ctx, os.DirFS(dir), o, hooks...)
}

// CheckFS is Check for the root of a file system.
func CheckFS(ctx context.Context, fsys fs.FS, o Options, hooks ...Hooks) (Report, error) {
	o = o.completed()
	files, err := scan(fsys)
	if err != nil {
		return Report{}, fmt.Errorf("clean: %w", err)
	}
	c := checker{Options: o, fsys: fsys, hooks: hooks, seen: make([]seen, len(files)), keep: keptThumbs}
	if err := c.look(ctx, files); err != nil {
		return Report{}, fmt.Errorf("clean: %w", err)
	}
	twins, err := c.twins(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("clean: %w", err)
	}
	return report(c.seen, twins), nil
}

// A checker is one call of Check.
type checker struct {
	Options
	fsys  fs.FS
	hooks []Hooks
	seen  []seen // as the files

	keep   int64        // thumbs at most in memory; the rest is decoded once more when needed
	thumbs atomic.Int64 // kept or not

	big   sync.Mutex // held while a big picture is in memory
	calls sync.Mutex // of hooks
	done  int
}

// keptThumbs, of 4 kB, are half a gigabyte.
const keptThumbs = 1 << 17

// look inspects all files.
func (c *checker) look(ctx context.Context, files []file) error {
	return each(ctx, c.Threads, len(files), func(i int) {
		c.seen[i] = c.inspect(files[i])
		if p := c.seen[i].print; p != nil && c.thumbs.Add(1) > c.keep {
			p.thumb = nil
		}
		c.calls.Lock()
		defer c.calls.Unlock()
		c.done++
		for _, h := range c.hooks {
			if h.Progress != nil {
				h.Progress(c.done, len(files))
			}
		}
	})
}

// each calls f for 0 to n−1 on as many goroutines, which have ended when it
// returns.
func each(ctx context.Context, threads, n int, f func(i int)) error {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range min(threads, n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	workers.Wait()
	return ctx.Err()
}
