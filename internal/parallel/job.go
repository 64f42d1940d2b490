package parallel

import (
	"runtime"
	"sync/atomic"
)

// A task is what a job repeats.
type task interface{ run(i int) }

// A job is one call of Do. It is used again when its crew has gone on to another
// and no helper holds it, who may come late.
type job struct {
	task
	n    int64
	last bool // no job: the crew ends
	held atomic.Int32
	_    [64]byte
	next atomic.Int64 // first task not begun
	_    [64]byte
	done atomic.Int64 // tasks ended, or left out after a panic
	fail atomic.Pointer[failure]
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
			j.task, j.n = t, int64(n)
			j.next.Store(0)
			j.done.Store(0)
			j.fail.Store(nil)
			return j
		}
	}
	j := &job{task: t, n: int64(n)}
	c.jobs = append(c.jobs, j)
	return j
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

// drain runs tasks until none is left to begin.
func (j *job) drain() {
	whole := false
	defer func() {
		if whole {
			return
		}
		f := &failure{recover()}
		if f.value == nil {
			f.value = exited
		}
		j.fail.CompareAndSwap(nil, f)
		left := j.n - min(j.next.Swap(j.n), j.n)
		j.done.Add(left + 1)
	}()
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			break
		}
		j.run(int(i))
		j.done.Add(1)
	}
	whole = true
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
