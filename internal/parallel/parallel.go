// Package parallel shares the numbered tasks of a run (say, one network on
// one batch, a hundred calls of Do) between its caller and helper goroutines
// that stay at hand in between.
package parallel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A Crew is a caller and its helpers, from Begin to End. One goroutine owns
// it: Do is neither called concurrently nor from within a task. A nil Crew is
// its caller alone.
type Crew struct {
	threads int   // with the caller
	budget  int64 // helpers that all crews together may have
	helpers int
	job     atomic.Pointer[job] // the newest
	turn    atomic.Uint64       // counts jobs
	jobs    []*job              // all, to be used again
	asleep  atomic.Int32        // helpers to whom a token of wake is owed before they go on
	wake    chan struct{}
}

// hired counts the helpers of all crews, so that many crews on few cores work
// alone rather than fight.
var hired atomic.Int64

// The jobs before the first and after the last.
var none, last = new(job), &job{last: true}

// Begin starts a crew of at most the given number of threads, its caller
// included; 0 means GOMAXPROCS. It must be ended.
func Begin(threads int) *Crew {
	cores := runtime.GOMAXPROCS(0)
	c := &Crew{threads: cores, budget: int64(cores - 1)}
	if threads > 0 {
		c.threads = min(cores, threads)
	}
	if c.threads > 1 {
		c.wake = make(chan struct{}, c.threads-1)
		c.job.Store(none)
		c.hire()
	}
	return c
}

// hire starts the helpers that c still lacks, as far as the budget goes.
func (c *Crew) hire() {
	for c.helpers < c.threads-1 {
		now := hired.Load()
		if now >= c.budget {
			return
		}
		if hired.CompareAndSwap(now, now+1) {
			c.helpers++
			p := place{c, c.helpers, c.turn.Load()}
			if claim(&resting) {
				places <- p
			} else {
				go p.help()
			}
		}
	}
}

// Threads returns how many threads may work on one Do.
func (c *Crew) Threads() int {
	if c == nil {
		return 1
	}
	return c.threads
}

// End lets the helpers go. A program that is idle for a moment has none.
func (c *Crew) End() {
	if c == nil || c.helpers == 0 {
		return
	}
	hired.Add(-int64(c.helpers))
	c.helpers = 0
	c.publish(last, c.threads-1)
	for _, j := range c.jobs {
		if j.held.Load() == 0 {
			spare.Put(j)
		}
	}
	c.jobs = nil
}

// Do runs f(0) … f(n-1), in any order and on any thread of the crew, and
// returns when all are done. Where f panics, the tasks not yet begun are left
// out and Do panics with the same value.
func (c *Crew) Do(n int, f func(i int)) {
	if !c.shares(n) {
		for i := range n {
			f(i)
		}
		return
	}
	c.do(n, function(f))
}

type function func(i int)

func (f function) run(i int) { f(i) }

// shares says whether there is anybody to share n tasks with.
func (c *Crew) shares(n int) bool {
	if c == nil || n <= 1 {
		return false
	}
	if c.helpers < c.threads-1 {
		c.hire()
	}
	return c.helpers > 0
}

// do shares n tasks.
func (c *Crew) do(n int, t task) {
	j := c.fresh(n, t)
	c.publish(j, n-1)
	defer j.wait()
	j.drain(0)
}

// publish shows j to the helpers and wakes up to n sleeping ones.
func (c *Crew) publish(j *job, n int) {
	c.job.Store(j)
	c.turn.Add(1)
	for ; n > 0; n-- {
		if !claim(&c.asleep) {
			return
		}
		c.wake <- struct{}{}
	}
}

// claim takes one from a count of waiting helpers; the taker owes one of them a
// message, or was itself counted.
func claim(waiting *atomic.Int32) bool {
	for {
		n := waiting.Load()
		if n == 0 {
			return false
		}
		if waiting.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// A place is a helper's in a crew: it works, as one of the threads, on the jobs after
// a turn, until the one that says it was the last.
type place struct {
	c      *Crew
	thread int
	turn   uint64
}

// help works in one place after the other, while there are some at once.
func (p place) help() {
	for ok := true; ok; p, ok = rest(spin) {
		for turn := p.c.next(p.turn); p.c.work(p.thread); {
			turn = p.c.next(turn)
		}
	}
}

// Helpers without a place, to whom one of places is not owed yet.
var (
	resting atomic.Int32
	places  = make(chan place, 16)
)

// rest polls for a place for a while: a new goroutine would take tens of microseconds
// to begin.
func rest(long time.Duration) (p place, ok bool) {
	resting.Add(1)
	start := time.Now()
	for i := 0; i%64 != 63 || time.Since(start) < long; i++ {
		select {
		case p = <-places:
			return p, true
		default:
			pause()
		}
		if i%64 == 63 {
			runtime.Gosched()
		}
	}
	if claim(&resting) {
		return place{}, false
	}
	return <-places, true
}

// work takes part in the newest job, and says whether there are to be more.
func (c *Crew) work(thread int) bool {
	j := c.hold()
	defer j.held.Add(-1)
	if j.last {
		return false
	}
	j.drain(thread)
	return true
}

// How long a helper polls for the next job before it sleeps, and for the next crew
// before it goes: longer than the serial stretches of a run, short enough not to matter
// afterwards.
const spin = 100 * time.Microsecond

// next waits for a turn other than old.
func (c *Crew) next(old uint64) uint64 {
	var start time.Time
	for i := 0; ; i++ {
		if t := c.turn.Load(); t != old {
			return t
		}
		pause()
		if i%64 != 63 {
			continue
		}
		runtime.Gosched()
		if start.IsZero() {
			start = time.Now()
		} else if time.Since(start) > spin {
			break
		}
	}
	for {
		c.asleep.Add(1)
		if c.turn.Load() == old || !claim(&c.asleep) {
			<-c.wake
		}
		if t := c.turn.Load(); t != old {
			return t
		}
	}
}
