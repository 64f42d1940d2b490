package scrape

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/argus-go/argus/internal/picture"
)

// Options says where pictures come from and go to.
type Options struct {
	// Folder is made if it is not there. Nothing outside of it is touched.
	Folder string
	// Sources are asked in this order: the next one when those before it have no
	// more results.
	Sources  []Source
	Download Download
	// Accept, where it is set, says whether a result is wanted, by its licence
	// for example. It is called from several goroutines.
	Accept func(Result) bool
	// Val and Test are the fractions of the pictures of terms that name no
	// split; 0 means .15, a negative number none. Seed draws them.
	Val, Test float64
	Seed      uint64
	// Progress and Refused, where they are set, are called from one goroutine at
	// a time.
	Progress func(Progress)
	Refused  func(Term, *Refusal)
}

// Progress is how far a term is.
type Progress struct {
	Term Term
	Have int // of Term.Count
}

const (
	termsAtOnce = 4
	ahead       = 64  // results of a term on their way at once, most of them waiting for their host
	batch       = 256 // pictures whose lines are written at once
)

// ErrInUse says that another run is at work in the folder.
var ErrInUse = errors.New("another run is at work in this folder")

// Run brings each term up to its Count of pictures. Terms of the same query,
// class and split are one, with the highest Count.
//
// A source that fails, and a picture that cannot be had, are in the Summary and
// the run goes on. Its error is ctx's, one of the disk, or, where every source
// failed and pictures are missing, those of the sources. The Summary is valid
// beside an error, too.
func Run(ctx context.Context, terms []Term, o Options) (Summary, error) {
	terms, err := uniteTerms(terms)
	if err != nil {
		return Summary{}, fmt.Errorf("scrape: %w", err)
	}
	how, err := newShares(o)
	if err != nil {
		return Summary{}, fmt.Errorf("scrape: %w", err)
	}
	if o.Folder == "" || len(o.Sources) == 0 {
		return Summary{}, fmt.Errorf("scrape: folder is %q and there are %d sources, want one or more", o.Folder, len(o.Sources))
	}
	fetch, err := newFetcher(o.Download)
	if err != nil {
		return Summary{}, fmt.Errorf("scrape: %w", err)
	}
	store, err := openStore(o.Folder)
	if err != nil {
		return Summary{}, err
	}
	r := &run{
		o: o, shares: how, store: store, fetch: fetch, commits: make(chan commit),
		turns: make([]sync.Mutex, len(o.Sources)), dead: make([]bool, len(o.Sources)), refused: map[Reason]int{},
	}
	err = r.all(ctx, terms)
	r.fetch.close()
	summary, finishErr := r.finish(terms)
	if err = errors.Join(err, finishErr, store.close()); err == nil && summary.nothingWorked(len(o.Sources)) {
		err = summary.sourceErrors()
	}
	return summary, err
}

func uniteTerms(terms []Term) (united []Term, err error) {
	at, folders := map[string]int{}, map[string]string{}
	for _, t := range terms {
		if t, err = t.complete(); err != nil {
			return nil, err
		}
		folder := strings.ToLower(t.Class) // as some file systems see it
		if other, there := folders[folder]; there && other != t.Class {
			return nil, fmt.Errorf("classes %q and %q differ by case alone", other, t.Class)
		}
		folders[folder] = t.Class
		if i, again := at[t.key()]; again {
			united[i].Count = max(united[i].Count, t.Count)
			continue
		}
		at[t.key()] = len(united)
		united = append(united, t)
	}
	if len(united) == 0 {
		return nil, errors.New("no terms")
	}
	return united, nil
}

// run is the state of one Run.
type run struct {
	o       Options
	shares  shares
	store   *store
	fetch   *fetcher
	commits chan commit
	abort   context.CancelCauseFunc

	turns []sync.Mutex // one question at a time to a source

	mu       sync.Mutex
	dead     []bool // sources that are asked no more
	failures []*SourceError
	refused  map[Reason]int
	placed   int
}

// commit is a staged picture and where its fate is told.
type commit struct {
	picture Picture
	placed  chan<- error
}

// all works on the terms, some at once.
func (r *run) all(ctx context.Context, terms []Term) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var committer, workers sync.WaitGroup
	r.abort = cancel
	committer.Go(r.commitAll)
	slots := make(chan struct{}, termsAtOnce)
	for _, t := range terms {
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() == nil {
				r.term(ctx, t)
			}
		})
	}
	workers.Wait()
	close(r.commits)
	committer.Wait()
	return context.Cause(ctx)
}

// commitAll writes what has come since the last time with one sync.
func (r *run) commitAll() {
	for first := range r.commits {
		group := []commit{first}
	more:
		for len(group) < batch {
			select {
			case c, ok := <-r.commits:
				if !ok {
					break more
				}
				group = append(group, c)
			default:
				break more
			}
		}
		var pictures []Picture
		for _, c := range group {
			pictures = append(pictures, c.picture)
		}
		err := r.store.commit(pictures)
		if err != nil {
			r.abort(fmt.Errorf("scrape: folder %s: %w", r.o.Folder, err))
		}
		for _, c := range group {
			c.placed <- err
		}
	}
}

// term asks for as many results as pictures are missing, and for one more for
// each that fails: it takes the shortest run of results that is enough.
func (r *run) term(ctx context.Context, t Term) {
	r.progress(t)
	next, stop := iter.Pull2(r.results(ctx, t))
	defer stop()
	done := make(chan bool, ahead)
	inFlight, seen, dry := 0, map[key]bool{}, false
	for {
		for missing := t.Count - r.store.have(t); !dry && inFlight < min(missing, ahead); {
			result, source, ok := next()
			if dry = !ok || ctx.Err() != nil; dry {
				break
			}
			k := urlKey(t.Class, result)
			if seen[k] || r.store.knows(k) { // in this run, or in one before
				continue
			}
			seen[k] = true
			inFlight++
			go func() { done <- r.take(ctx, t, result, source) }()
		}
		if inFlight == 0 {
			return
		}
		if <-done {
			r.progress(t)
		}
		inFlight--
	}
}

func (r *run) progress(t Term) {
	if r.o.Progress != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.o.Progress(Progress{t, r.store.have(t)})
	}
}

// results yields those of each source in turn, with its name.
func (r *run) results(ctx context.Context, t Term) iter.Seq2[Result, string] {
	return func(yield func(Result, string) bool) {
		for i, source := range r.o.Sources {
			if r.isDead(i) {
				continue
			}
			for page, err := range r.pages(ctx, i, t.Query) {
				if err != nil {
					r.fail(ctx, i, t, err)
					break
				}
				for _, result := range page {
					if !yield(result.cut(), source.Name()) {
						return
					}
				}
			}
		}
	}
}

// pages is the source's Search, which gets one question at a time.
func (r *run) pages(ctx context.Context, source int, query string) iter.Seq2[[]Result, error] {
	return func(yield func([]Result, error) bool) {
		next, stop := iter.Pull2(r.o.Sources[source].Search(ctx, query))
		defer stop()
		for {
			r.turns[source].Lock()
			page, err, ok := next()
			r.turns[source].Unlock()
			if !ok || !yield(page, err) {
				return
			}
		}
	}
}

func (r *run) isDead(source int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead[source]
}

func (r *run) fail(ctx context.Context, source int, t Term, err error) {
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead[source] = r.dead[source] || errors.Is(err, ErrKey) || errors.Is(err, ErrQuota)
	r.failures = append(r.failures, &SourceError{r.o.Sources[source].Name(), t.Query, err})
}

// take makes a picture of a result, and says whether it did.
func (r *run) take(ctx context.Context, t Term, result Result, source string) bool {
	err := r.make(ctx, t, result, source)
	var refusal *Refusal
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.As(err, &refusal) {
		r.refused[refusal.Reason]++
		if r.o.Refused != nil {
			r.o.Refused(t, refusal)
		}
	}
	if err == nil {
		r.placed++
	}
	return err == nil
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const keptBuffer = 4 << 20 // bytes; larger ones go back to the system

func (r *run) make(ctx context.Context, t Term, result Result, source string) error {
	if r.o.Accept != nil && !r.o.Accept(result) {
		return &Refusal{URL: result.URL, Reason: NotAccepted}
	}
	at := urlKey(t.Class, result)
	if !r.store.claim(at) {
		return &Refusal{URL: result.URL, Reason: Duplicate}
	}
	body := buffers.Get().(*bytes.Buffer)
	body.Reset()
	defer func() {
		if body.Cap() <= keptBuffer {
			buffers.Put(body)
		}
	}()
	if err := r.read(ctx, result, body); err != nil {
		r.store.release(at) // another term may try again
		return err
	}
	p, err := describe(body.Bytes(), r.fetch.o.Limits)
	if err != nil {
		var bad *picture.Error
		if errors.As(err, &bad) && bad.Reason == picture.TooManyPixels {
			return &Refusal{result.URL, TooBig, err}
		}
		return &Refusal{result.URL, NotAPicture, err}
	}
	p.Class, p.Query, p.Asked, p.Source, p.Result = t.Class, t.Query, t.Split, source, result
	content := keyOf("content", p.id())
	if !r.store.claim(content) {
		return &Refusal{URL: result.URL, Reason: Duplicate}
	}
	if refusal := r.store.place(&p, t.Count, r.shares); refusal != nil {
		r.store.release(content)
		return refusal
	}
	return r.put(p, body.Bytes())
}

// read gets the result's content.
func (r *run) read(ctx context.Context, result Result, body *bytes.Buffer) error {
	if result.Open == nil {
		return r.fetch.get(ctx, result.URL, body)
	}
	select {
	case r.fetch.workers <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.fetch.workers }()
	content, err := result.Open(ctx)
	if err == nil {
		defer content.Close()
		_, err = body.ReadFrom(io.LimitReader(content, r.fetch.o.Limits.Bytes+1))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &Refusal{result.URL, Unreadable, err}
	case int64(body.Len()) > r.fetch.o.Limits.Bytes:
		return refusal(result.URL, r.fetch.tooBig())
	}
	return nil
}

// describe sniffs what content is, whatever its name and its server say. It
// reads headers only.
func describe(content []byte, l Limits) (Picture, error) {
	if _, err := picture.Pixels(content, l); err != nil {
		return Picture{}, err
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		return Picture{}, err
	}
	if extensions[format] == "" {
		return Picture{}, fmt.Errorf("format %q is not kept", format)
	}
	sum := sha256.Sum256(content)
	return Picture{
		SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(content)),
		Format: format, Width: config.Width, Height: config.Height, Time: time.Now().UTC(),
	}, nil
}

// put stages p and waits until it is in its place.
func (r *run) put(p Picture, content []byte) error {
	if err := r.store.stage(p.id(), content); err != nil {
		r.abort(fmt.Errorf("scrape: folder %s: %w", r.o.Folder, err))
		return err
	}
	placed := make(chan error, 1)
	r.commits <- commit{p, placed}
	return <-placed
}
