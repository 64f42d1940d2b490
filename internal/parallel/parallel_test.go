package parallel

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// procs sets GOMAXPROCS for one test.
func procs(t *testing.T, n int) {
	old := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

func TestDoRunsEveryTaskOnce(t *testing.T) {
	procs(t, 4)
	for _, threads := range []int{0, 1, 2, 3, 9} {
		c := Begin(threads)
		for round := range 300 {
			count := make([]int32, round%17)
			c.Do(len(count), func(i int) { atomic.AddInt32(&count[i], 1) })
			for i, n := range count {
				require.EqualValues(t, 1, n, "threads %d, task %d", threads, i)
			}
		}
		c.End()
	}
}

func TestANilCrewWorksAlone(t *testing.T) {
	var c *Crew
	var order []int
	c.Do(3, func(i int) { order = append(order, i) })
	c.End()
	require.Equal(t, []int{0, 1, 2}, order)
	require.Equal(t, 1, c.Threads())
}

func TestHelpersShareTheWork(t *testing.T) {
	procs(t, 4)
	c := Begin(3)
	defer c.End()
	var inside, most atomic.Int32
	deadline := time.Now().Add(5 * time.Second)
	c.Do(3, func(int) { // each waits for the others
		most.Store(max(most.Load(), inside.Add(1)))
		for inside.Load() < 3 && time.Now().Before(deadline) {
			runtime.Gosched()
		}
	})
	require.EqualValues(t, 3, inside.Load())
	require.True(t, time.Now().Before(deadline), "three tasks never ran at the same time")
}

func TestNoMoreThreadsWorkThanTheCap(t *testing.T) {
	procs(t, 8)
	for threads := 1; threads < 6; threads++ {
		c := Begin(threads)
		var inside, most atomic.Int32
		for range 200 {
			c.Do(32, func(int) {
				n := inside.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				runtime.Gosched()
				inside.Add(-1)
			})
		}
		c.End()
		require.LessOrEqual(t, most.Load(), int32(threads))
	}
}

// What a thread wrote in one job it finds in its own cache in the next.
func TestAThreadBeginsWithTheSameTasksInEveryJob(t *testing.T) {
	j := new(job)
	for _, n := range []int{1, 5, 8, 31} {
		for thread := range 3 {
			var order []int
			j.begin(n, 3, function(func(i int) { order = append(order, i) }))
			j.drain(thread)
			require.EqualValues(t, n, j.done.Load())
			first := thread * n / 3
			if first < (thread+1)*n/3 {
				require.Equal(t, first, order[0])
			}
			slices.Sort(order)
			for i := range n {
				require.Equal(t, i, order[i])
			}
		}
	}
}

func TestSleepingHelpersWake(t *testing.T) {
	procs(t, 4)
	c := Begin(4)
	defer c.End()
	for range 30 {
		require.Eventually(t, func() bool { return c.asleep.Load() == 3 }, 5*time.Second, 100*time.Microsecond)
		var inside atomic.Int32
		c.Do(4, func(int) {
			inside.Add(1)
			for stop := time.Now().Add(5 * time.Second); inside.Load() < 4 && time.Now().Before(stop); {
				runtime.Gosched()
			}
		})
		require.EqualValues(t, 4, inside.Load())
	}
}

func TestAllCrewsTogetherStayWithinTheCores(t *testing.T) {
	procs(t, 3)
	var crews []*Crew
	for range 8 {
		crews = append(crews, Begin(0))
		require.LessOrEqual(t, hired.Load(), int64(2))
	}
	require.EqualValues(t, 2, hired.Load())
	crews[0].End() // its two helpers are free again
	crews[5].Do(2, func(int) {})
	require.Equal(t, 2, crews[5].helpers)
	for _, c := range crews {
		c.End()
	}
	require.EqualValues(t, 0, hired.Load())
}

func TestAHelperThatRestsIsHiredFirst(t *testing.T) {
	procs(t, 4)
	require.Eventually(t, func() bool { return resting.Load() == 0 }, 5*time.Second, time.Millisecond)
	got := make(chan place)
	go func() {
		p, _ := rest(time.Minute)
		got <- p
	}()
	require.Eventually(t, func() bool { return resting.Load() == 1 }, 5*time.Second, time.Millisecond)
	c := Begin(2)
	p := <-got
	require.Same(t, c, p.c)
	require.Zero(t, resting.Load())
	go p.help()
	var inside atomic.Int32
	c.Do(2, func(int) {
		inside.Add(1)
		for stop := time.Now().Add(5 * time.Second); inside.Load() < 2 && time.Now().Before(stop); {
			runtime.Gosched()
		}
	})
	require.EqualValues(t, 2, inside.Load())
	c.End()
	_, ok := rest(0)
	require.False(t, ok, "nobody hires")
}

func TestNoGoroutineIsLeftAfterEnd(t *testing.T) {
	procs(t, 4)
	require.Eventually(t, func() bool { return resting.Load() == 0 }, 5*time.Second, time.Millisecond)
	before := runtime.NumGoroutine()
	for range 50 {
		c := Begin(0)
		c.Do(8, func(int) {})
		c.End()
	}
	for stop := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		require.True(t, time.Now().Before(stop), "helpers live on")
		time.Sleep(time.Millisecond)
	}
}

func TestAPanicReachesTheCallerAndTheCrewLivesOn(t *testing.T) {
	procs(t, 4)
	c := Begin(4)
	defer c.End()
	for round := range 200 {
		var inside atomic.Int32
		require.PanicsWithValue(t, "boom", func() {
			c.Do(20, func(i int) {
				inside.Add(1)
				defer inside.Add(-1)
				if i == round%20 {
					panic("boom")
				}
			})
		})
		require.EqualValues(t, 0, inside.Load(), "Do returned before its tasks")
		var n atomic.Int32
		c.Do(20, func(int) { n.Add(1) })
		require.EqualValues(t, 20, n.Load())
	}
}

func TestATaskThatExitsItsGoroutineDoesNotHang(t *testing.T) {
	procs(t, 2)
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		c := Begin(2)
		defer c.End()
		c.Do(8, func(int) { runtime.Goexit() })
	}()
	select {
	case v := <-done:
		require.Equal(t, exited, v)
	case <-time.After(10 * time.Second):
		t.Fatal("Do hangs")
	}
}

func TestManyCrewsAtOnceDoTheirOwnWork(t *testing.T) {
	procs(t, 4)
	var wg sync.WaitGroup
	sums := make([]int64, 64)
	for g := range sums {
		wg.Go(func() {
			c := Begin(0)
			defer c.End()
			for range 50 {
				part := make([]int64, 10)
				c.Do(10, func(i int) { part[i] = int64(i + g) })
				for _, p := range part {
					sums[g] += p
				}
			}
		})
	}
	wg.Wait()
	for g, s := range sums {
		require.EqualValues(t, 50*(45+10*g), s)
	}
}

// Crews begin, work, panic, doze off and end at random; the race detector sees
// whether tasks and what follows them are handed over.
func TestCrewsHandOverWhateverHappens(t *testing.T) {
	for _, cores := range []int{1, 2, 4, 8} {
		procs(t, cores)
		var wg sync.WaitGroup
		for g := range uint64(12) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(g, uint64(cores)))
				for range 20 {
					c := Begin(r.IntN(6))
					for range r.IntN(30) {
						doSomething(t, c, r)
						time.Sleep(time.Duration(r.IntN(12)/10) * spin) // a helper may be just about to sleep
					}
					c.End()
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 0, hired.Load())
	}
}

// doSomething is a Do in which now and then a task panics.
func doSomething(t *testing.T, c *Crew, r *rand.Rand) {
	count, bad := make([]int, r.IntN(40)), r.IntN(400)
	defer func() {
		if v := recover(); v != nil {
			assert.Equal(t, bad, v)
			return
		}
		for i, n := range count {
			assert.Equal(t, 1, n, "task %d of %d", i, len(count))
		}
	}()
	c.Do(len(count), func(i int) {
		count[i]++
		if i == bad {
			panic(bad)
		}
		if i%7 == 0 {
			runtime.Gosched()
		}
	})
	assert.GreaterOrEqual(t, bad, len(count), "the panic was lost")
}

// BenchmarkDo is the price of handing over: tasks do nothing.
func BenchmarkDo(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint(threads), func(b *testing.B) {
			c := Begin(threads)
			defer c.End()
			for b.Loop() {
				c.Do(2, func(int) {})
			}
		})
	}
}

// BenchmarkSession is a Begin, one Do and an End.
func BenchmarkSession(b *testing.B) {
	for b.Loop() {
		c := Begin(2)
		c.Do(2, func(int) {})
		c.End()
	}
}

// sumOf adds up i in the place of its task, by Each and by Spans.
func sumOf(c *Crew, n int, sums []int64) {
	type in struct{ sums []int64 }
	Each(c, n, in{sums}, func(a in, i int) { a.sums[i] += int64(i) })
	Spans(c, n, 7, in{sums}, func(a in, lo, hi int) {
		for i := lo; i < hi; i++ {
			a.sums[i] += int64(i)
		}
	})
}

func TestEachAndSpansRunEveryTaskOnce(t *testing.T) {
	procs(t, 4)
	for _, threads := range []int{1, 2, 4} {
		c := Begin(threads)
		for n := range 50 {
			sums := make([]int64, n)
			sumOf(c, n, sums)
			for i, s := range sums {
				require.EqualValues(t, 2*i, s, "threads %d, task %d of %d", threads, i, n)
			}
		}
		c.End()
	}
	sumOf(nil, 10, make([]int64, 10))
}

func TestAPanicInEachReachesTheCaller(t *testing.T) {
	procs(t, 4)
	c := Begin(4)
	defer c.End()
	for range 50 {
		require.PanicsWithValue(t, "boom", func() {
			Each(c, 20, 3, func(at, i int) {
				if i == at {
					panic("boom")
				}
			})
		})
		sums := make([]int64, 20)
		sumOf(c, 20, sums)
		require.EqualValues(t, 38, sums[19])
	}
}

// A crew uses few jobs again and again, whoever comes late.
func TestAHandoverAllocatesNothing(t *testing.T) {
	procs(t, 4)
	c := Begin(4)
	defer c.End()
	sums := make([]int64, 100)
	require.Less(t, testing.AllocsPerRun(1000, func() { sumOf(c, 100, sums) }), .1)
	require.LessOrEqual(t, len(c.jobs), 5)
}

// BenchmarkEach is BenchmarkDo with an argument.
func BenchmarkEach(b *testing.B) {
	c := Begin(2)
	defer c.End()
	b.ReportAllocs()
	for b.Loop() {
		Each(c, 2, [2][]float32{}, func([2][]float32, int) {})
	}
}
