package parallel

import (
	"runtime"
	"sync/atomic"
)

// A job is one call of Do.
type job struct {
	f    func(int)
	n    int64
	last bool // no job: the crew ends
	_    [64]byte
	next atomic.Int64 // first task not begun
	_    [64]byte
	done atomic.Int64 // tasks ended, or left out after a panic
	fail atomic.Pointer[failure]
}

type failure struct{ value any }

// exited is the value of a task that ended its goroutine.
const exited = "parallel: a task called runtime.Goexit"

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
		j.f(int(i))
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
	if f := j.fail.Load(); f != nil {
		panic(f.value)
	}
}
