package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A task is what a job repeats.
type task interface{ run(i int) }

// A job is one call of Do. It is used again when its crew has gone on to another
// and no helper holds it, who may come late.
type job struct {
	task
	n     int64
	last  bool // no job: the crew ends
	held  atomic.Int32
	parts []part // one for each thread
	_     [64]byte
	done  atomic.Int64 // tasks ended, or left out after a panic
	fail  atomic.Pointer[failure]
}

// A part is the tasks that a thread begins with, neighbours: what they read is often
// what the same thread wrote in the job before. Who has done its own takes of the
// others'.
type part struct {
	next atomic.Int64 // first task not begun
	end  int64
	_    [112]byte // a line and the one that is fetched with it
}

type failure struct{ value any }

// exited is the value of a task that ended its goroutine.
const exited = "parallel: a task called runtime.Goexit"

// fresh is a job for n runs of t that nobody works on.
func (c *Crew) fresh(n int, t task) *job {
	now := c.job.Load()
	for _, j := range c.jobs {
		// Who takes hold of j from here on finds that it is not the newest.
		if j != now && j.held.Load() == 0 {
			j.begin(n, c.helpers+1, t)
			return j
		}
	}
	j := spare.Get().(*job)
	j.begin(n, c.helpers+1, t)
	c.jobs = append(c.jobs, j)
	return j
}

// spare are jobs of crews that have ended.
var spare = sync.Pool{New: func() any { return new(job) }}

func (j *job) begin(n, threads int, t task) {
	j.task, j.n = t, int64(n)
	if cap(j.parts) < threads {
		j.parts = make([]part, threads)
	}
	j.parts = j.parts[:threads]
	for i := range j.parts {
		j.parts[i].next.Store(int64(i * n / threads))
		j.parts[i].end = int64((i + 1) * n / threads)
	}
	j.done.Store(0)
	j.fail.Store(nil)
}

// hold takes hold of the newest job.
func (c *Crew) hold() *job {
	for {
		j := c.job.Load()
		j.held.Add(1)
		if c.job.Load() == j {
			return j
		}
		j.held.Add(-1)
	}
}

// drain runs tasks until none is left to begin, as one of the threads.
func (j *job) drain(thread int) {
	ended, whole := int64(0), false
	defer func() {
		if !whole {
			f := &failure{recover()}
			if f.value == nil {
				f.value = exited
			}
			j.fail.CompareAndSwap(nil, f)
			ended += 1 + j.leave()
		}
		j.done.Add(ended) // nothing after: j may be used again
	}()
	for i := range j.parts {
		p := &j.parts[(thread+i)%len(j.parts)]
		for p.next.Load() < p.end {
			k := p.next.Add(1) - 1
			if k >= p.end {
				break
			}
			j.run(int(k))
			ended++
		}
	}
	whole = true
}

// leave leaves out the tasks not begun and returns how many.
func (j *job) leave() (n int64) {
	for i := range j.parts {
		p := &j.parts[i]
		n += p.end - min(p.next.Swap(p.end), p.end)
	}
	return n
}

// wait returns when every task that was begun has ended: it waits for tasks,
// never for a helper that found none.
func (j *job) wait() {
	for i := 0; j.done.Load() != j.n; i++ {
		if i < 1000 {
			pause()
		} else {
			runtime.Gosched()
		}
	}
	j.task = nil
	if f := j.fail.Load(); f != nil {
		panic(f.value)
	}
}
