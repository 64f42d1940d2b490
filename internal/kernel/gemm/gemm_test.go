package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/argus-go/argus/internal/kernel/gemm/guard"
	"github.com/argus-go/argus/internal/parallel"
	"github.com/stretchr/testify/require"
)

// each runs f with every implementation that this machine has.
func each(t *testing.T, f func(t *testing.T)) {
	for _, name := range Implementations() {
		t.Run(name, func(t *testing.T) {
			defer Use(name)()
			f(t)
		})
	}
}

func crew(t testing.TB) *parallel.Crew {
	old := runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	c := parallel.Begin(3)
	t.Cleanup(func() { c.End(); runtime.GOMAXPROCS(old) })
	return c
}

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// dot is the definition: an element of op(A)·op(B).
func dot(transA, transB bool, i, j, k int, a []float32, lda int, b []float32, ldb int) float64 {
	sum := 0.0
	for l := range k {
		u, v := i*lda+l, l*ldb+j
		if transA {
			u = l*lda + i
		}
		if transB {
			v = j*ldb + l
		}
		sum += float64(a[u]) * float64(b[v])
	}
	return sum
}

// sizes has every number of rows and columns that tiles know, and some more.
func sizes() (list [][3]int) {
	for m := 1; m <= 14; m++ {
		list = append(list, [3]int{m, 48, 9}, [3]int{m, 32, 5}, [3]int{m, 16, 8}, [3]int{m, 8, 3})
	}
	for n := 1; n <= 52; n++ {
		list = append(list, [3]int{7, n, 6})
	}
	return append(list, [3]int{1, 1, 1}, [3]int{5, 5, 0}, [3]int{29, 100, 33}, [3]int{64, 144, 17}, [3]int{3, 200, 4}, [3]int{50, 33, 600})
}

// size returns the elements of rows ld apart.
func size(rows, cols, ld int) int { return max(0, (rows-1)*ld+cols) }

// checkC compares the n columns of m rows and looks for writes between.
func checkC(t *testing.T, c *guard.Output, m, n, ldc int, want func(i, j int) float64) {
	t.Helper()
	c.Check(t)
	for i := range c.V {
		if r, j := i/ldc, i%ldc; j >= n {
			require.True(t, c.Untouched(i), "element %d of row %d, behind %d columns, was written", j, r, n)
		} else if w := float32(want(r, j)); c.V[i] != w {
			require.Equal(t, w, c.V[i], "C[%d][%d]", r, j)
		}
	}
}

func TestProductsEqualTheirDefinition(t *testing.T) {
	each(t, func(t *testing.T) {
		r, crew := random(), crew(t)
		for _, s := range sizes() {
			m, n, k := s[0], s[1], s[2]
			for kind := range 4 {
				transA, transB := kind&1 > 0, kind&2 > 0
				ra, ca, rb, cb := m, k, k, n
				if transA {
					ra, ca = k, m
				}
				if transB {
					rb, cb = n, k
				}
				lda, ldb, ldc := ca+r.IntN(3), cb+r.IntN(3), n+r.IntN(3)
				a, b := guard.Ints(t, r, size(ra, ca, lda)), guard.Ints(t, r, size(rb, cb, ldb))
				c := guard.NewOutput(t, size(m, n, ldc))
				define := func(i, j int) float64 { return dot(transA, transB, i, j, k, a, lda, b, ldb) }
				Mul(crew, transA, transB, m, n, k, a, lda, b, ldb, c.V, ldc, false)
				checkC(t, c, m, n, ldc, define)
				Mul(crew, transA, transB, m, n, k, a, lda, b, ldb, c.V, ldc, true)
				checkC(t, c, m, n, ldc, func(i, j int) float64 { return 2 * define(i, j) })
			}
		}
	})
}

func TestPartsOfTheColumnsMakeTheWholeProduct(t *testing.T) {
	each(t, func(t *testing.T) {
		r := random()
		for _, n := range []int{1, 33, 96, 200} {
			const m, k = 50, 21
			a, b, c := guard.Ints(t, r, m*k), guard.Ints(t, r, k*n), guard.NewOutput(t, m*n)
			p := Pack(b, k, n, n, false)
			for parts := 1; parts <= p.Panels(); parts++ {
				clear(c.V)
				end := 0
				for i := range parts {
					first, next := p.Part(i, parts)
					require.Equal(t, end, first)
					end = next
					p.MulPart(i, parts, m, a, k, c.V, n, p)
				}
				require.Equal(t, n, end)
				checkC(t, c, m, n, n, func(i, j int) float64 { return dot(false, false, i, j, k, a, k, b, n) })
			}
		}
	})
}

func TestProductsInPiecesOfKAndNEqualTheirDefinition(t *testing.T) {
	each(t, func(t *testing.T) {
		r := random()
		for _, s := range [][3]int{{5, 20, depth + 3}, {5, 20, 2*depth + 1}, {5, 20, blockFloats + 7}, {2, packFloats/1024 + 40, 1024}, {3, 17, depthT}, {15, 17, 2*depthT + 1}, {5, 260, 2*depthT + 1}} {
			m, n, k := s[0], s[1], s[2]
			a, b, c := guard.Ints(t, r, m*k), guard.Ints(t, r, k*n), guard.NewOutput(t, m*n)
			define := func(i, j int) float64 { return dot(false, false, i, j, k, a, k, b, n) }
			Mul(nil, false, false, m, n, k, a, k, b, n, c.V, n, false)
			checkC(t, c, m, n, n, define)
			Mul(nil, true, false, m, n, k, a, m, b, n, c.V, n, false)
			checkC(t, c, m, n, n, func(i, j int) float64 { return dot(true, false, i, j, k, a, m, b, n) })
			add := guard.Ints(t, r, m*n)
			for _, ep := range []Epilogue{{Bias: b[:n], Lo: -90, Hi: 100}, {Bias: b[:n], Add: add, Lo: -90, Hi: 100}, {Bias: b[:n], Lo: -90, Hi: 100, Then: squares}} {
				Pack(b, k, n, n, false).Mul(nil, m, a, k, c.V, n, ep)
				checkC(t, c, m, n, n, func(i, j int) float64 {
					v := define(i, j) + float64(ep.Bias[j])
					if ep.Add != nil {
						v += float64(add[i*n+j])
					}
					if v = min(100, max(-90, v)); ep.Then != nil {
						v *= v
					}
					return v
				})
			}
		}
	})
}

func TestEveryEpilogueEqualsItsDefinition(t *testing.T) {
	inf := float32(math.Inf(1))
	each(t, func(t *testing.T) {
		r, crew := random(), crew(t)
		for _, s := range sizes() {
			m, n, k := s[0], s[1], s[2]
			lda, ldc, ldd := k+r.IntN(3), n+r.IntN(3), n+r.IntN(3)
			a, b := guard.Ints(t, r, size(m, k, lda)), guard.Ints(t, r, k*n)
			bias, add := guard.Ints(t, r, n), guard.Ints(t, r, size(m, n, ldd))
			p := Pack(make([]float32, k*n), k, n, n, false)
			p.Repack(nil, b)
			for _, ep := range []Epilogue{
				{},
				{Bias: bias},
				{Bias: bias, Lo: 0, Hi: inf},
				{Bias: bias, Add: add, AddLd: ldd, Lo: 0, Hi: 6},
				{Add: add, AddLd: ldd},
				{Lo: -3, Hi: 2},
				{Accumulate: true, Lo: 0, Hi: 20},
				{Accumulate: true, Add: add, AddLd: ldd},
				{Then: squares},
				{Bias: bias, Add: add, AddLd: ldd, Lo: -9, Hi: 9, Then: squares},
				{Accumulate: true, Then: squares},
			} {
				c := guard.NewOutput(t, size(m, n, ldc))
				before := make([]float64, len(c.V))
				for i := range before {
					if ep.Accumulate && i%ldc < n {
						before[i] = float64(r.IntN(9) - 4)
						c.V[i] = float32(before[i])
					}
				}
				p.Mul(crew, m, a, lda, c.V, ldc, ep)
				checkC(t, c, m, n, ldc, func(i, j int) float64 {
					v := dot(false, false, i, j, k, a, lda, b, n) + before[i*ldc+j]
					if ep.Bias != nil {
						v += float64(bias[j])
					}
					if ep.Add != nil {
						v += float64(add[i*ldd+j])
					}
					if ep.Lo != 0 || ep.Hi != 0 {
						v = min(float64(ep.Hi), max(float64(ep.Lo), v))
					}
					if ep.Then != nil {
						v *= v
					}
					return v
				})
			}
		}
	})
}

func squares(rows, width int, c []float32, ld int) {
	for i := range rows {
		for j := range c[i*ld:][:width] {
			c[i*ld+j] *= c[i*ld+j]
		}
	}
}

func TestAddMayBeCItself(t *testing.T) {
	each(t, func(t *testing.T) {
		for _, k := range []int{20, blockFloats / 16} { // the latter would take passes over C
			addToItself(t, 30, 50, k)
		}
	})
}

func addToItself(t *testing.T, m, n, k int) {
	t.Helper()
	r := random()
	a, b, c, bias := guard.Ints(t, r, m*k), guard.Ints(t, r, k*n), guard.Ints(t, r, m*n), guard.Ints(t, r, n)
	old := append([]float32(nil), c...)
	Pack(b, k, n, n, false).Mul(nil, m, a, k, c, n, Epilogue{Bias: bias, Add: c})
	for i := range c {
		require.EqualValues(t, dot(false, false, i/n, i%n, k, a, k, b, n)+float64(bias[i%n])+float64(old[i]), c[i])
	}
}

func TestClampKeepsNaNAndBoundsInfinity(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	each(t, func(t *testing.T) {
		for _, n := range []int{1, 8, 16, 24, 32, 48, 53} {
			for m := 1; m <= 13; m++ {
				a := []float32{nan, inf, -inf, 3, -3, 0, 9, nan, inf, -inf, 1, 2, 3}[:m]
				b := make([]float32, n)
				for i := range b {
					b[i] = 1
				}
				for _, hi := range []float32{6, inf} {
					c := make([]float32, m*n)
					Pack(b, 1, n, n, false).Mul(nil, m, a, 1, c, n, Epilogue{Lo: 0, Hi: hi})
					for i, v := range c {
						u := a[i/n]
						if u != u {
							require.True(t, v != v, "NaN became %v", v)
							continue
						}
						require.Equal(t, min(hi, max(0, u)), v, "of %v", u)
					}
				}
			}
		}
	})
}

// gathered makes random rows, and returns its matrix.
func gathered(t *testing.T, r *rand.Rand, n, m, segs, seg int) (rows *Rows, x []float32, image int, a []float32) {
	image = 4*seg + 40
	x = guard.Ints(t, r, n*image)
	offsets := make([]int32, segs*m)
	for i := range offsets {
		if offsets[i] = int32(r.IntN(image-seg+20) - 20); offsets[i] >= 0 && i%5 == 0 {
			offsets[i] = int32(image - seg) // the very end
		}
	}
	a = make([]float32, n*m*segs*seg)
	for i := range a {
		k, s, row, b := i%seg, i/seg%segs, i/seg/segs%m, i/seg/segs/m
		if o := int(offsets[s*m+row]); o >= 0 {
			a[i] = x[b*image+o+k]
		}
	}
	return NewRows(m, segs, seg, offsets), x, image, a
}

func TestGatheredRowsMultiplyAsTheMatrixTheyAre(t *testing.T) {
	each(t, func(t *testing.T) {
		r, crew := random(), crew(t)
		for _, s := range sizes() {
			m, cols, seg := s[0], s[1], s[2]
			for _, segs := range []int{1, 3} {
				const n = 2
				rows, x, image, a := gathered(t, r, n, m, segs, seg)
				k := segs * seg
				b, c := guard.Ints(t, r, k*cols), guard.NewOutput(t, n*m*cols)
				Pack(b, k, cols, cols, false).MulRows(crew, rows, n, x, image, c.V, m*cols, cols, Epilogue{})
				checkC(t, c, n*m, cols, cols, func(i, j int) float64 { return dot(false, false, i, j, k, a, k, b, cols) })

				d := guard.Ints(t, r, n*m*cols)
				e := guard.NewOutput(t, k*cols)
				rows.TransMul(crew, n, x, image, cols, d, m*cols, cols, e.V, cols, false)
				checkC(t, e, k, cols, cols, func(i, j int) float64 { return dot(true, false, i, j, n*m, a, k, d, cols) })
			}
		}
	})
}

func TestGatheredRowsInPassesOverPiecesEqualTheirDefinition(t *testing.T) {
	each(t, func(t *testing.T) {
		r := random()
		for _, segs := range []int{1, 3, 17} {
			const n, m, seg, cols = 2, 13, 1000, 50
			rows, x, image, a := gathered(t, r, n, m, segs, seg)
			k := segs * seg
			b, bias, c := guard.Ints(t, r, k*cols), guard.Ints(t, r, cols), guard.NewOutput(t, n*m*cols)
			Pack(b, k, cols, cols, false).MulRows(nil, rows, n, x, image, c.V, m*cols, cols, Epilogue{Bias: bias, Lo: -50, Hi: 60})
			checkC(t, c, n*m, cols, cols, func(i, j int) float64 {
				return min(60, max(-50, float64(bias[j])+dot(false, false, i, j, k, a, k, b, cols)))
			})
		}
	})
}

func TestRowsInLinesLandWhereTheyShould(t *testing.T) {
	each(t, func(t *testing.T) {
		const n, lines, line, cols = 2, 3, 15, 20
		const ldc = cols + 7
		const step, imageC = line*ldc + 50, lines*(line*ldc+50) + 11
		r := random()
		rows, x, image, a := gathered(t, r, n, lines*line, 2, 5)
		rows.Line, rows.LineStep = line, step
		b, c := guard.Ints(t, r, 10*cols), guard.NewOutput(t, n*imageC)
		Pack(b, 10, cols, cols, false).MulRows(nil, rows, n, x, image, c.V, imageC, ldc, Epilogue{})
		c.Check(t)
		written := map[int]float32{}
		for i := range n * lines * line {
			for j := range cols {
				at := i/(lines*line)*imageC + i/line%lines*step + i%line*ldc + j
				written[at] = float32(dot(false, false, i, j, 10, a, 10, b, cols))
			}
		}
		for i := range c.V {
			if w, ok := written[i]; ok {
				require.Equal(t, w, c.V[i], i)
			} else {
				require.True(t, c.Untouched(i), i)
			}
		}
	})
}

// The chain of every element is the same whatever the tiles, so the crew and
// the number of rows do not change a bit.
func TestBitsDoNotDependOnTheCrewOrOnOtherRows(t *testing.T) {
	each(t, func(t *testing.T) {
		const m, n, k = 200, 72, 700
		r := random()
		a, b := guard.Normal(t, r, m*k), guard.Normal(t, r, k*n)
		alone, shared, one := make([]float32, m*n), make([]float32, m*n), make([]float32, n)
		p := Pack(b, k, n, n, false)
		p.Mul(nil, m, a, k, alone, n, Epilogue{})
		crew := crew(t)
		for range 5 {
			p.Mul(crew, m, a, k, shared, n, Epilogue{})
			require.Equal(t, alone, shared)
		}
		for i := range m {
			p.Mul(nil, 1, a[i*k:], k, one, n, Epilogue{})
			require.Equal(t, alone[i*n:][:n], one)
		}
		da, db := make([]float32, k*k), make([]float32, k*k)
		Mul(nil, true, false, k, k, m, a, k, a, k, da, k, false)
		Mul(crew, true, false, k, k, m, a, k, a, k, db, k, false)
		require.Equal(t, da, db)
	})
}

func TestAVX2AndAVX512GiveTheSameBits(t *testing.T) {
	if len(Implementations()) < 3 {
		t.Skip("this machine does not have both")
	}
	const m, n, k = 60, 75, 300
	r := random()
	a, b, add := guard.Normal(t, r, m*k), guard.Normal(t, r, k*n), guard.Normal(t, r, m*n)
	var products, gradients [2][]float32
	for i, name := range Implementations()[:2] {
		restore := Use(name)
		products[i], gradients[i] = make([]float32, m*n), make([]float32, k*k)
		Pack(b, k, n, n, false).Mul(nil, m, a, k, products[i], n, Epilogue{Bias: b[:n], Add: add, Lo: 0, Hi: 6})
		Mul(nil, true, false, k, k, m, a, k, a, k, gradients[i], k, false)
		restore()
	}
	require.Equal(t, products[0], products[1])
	require.Equal(t, gradients[0], gradients[1])
}

func TestRealNumbersAreAsCloseAsFloat32Allows(t *testing.T) {
	each(t, func(t *testing.T) {
		const m, n, k = 14, 65, 900
		r := random()
		a, b, c := guard.Normal(t, r, m*k), guard.Normal(t, r, k*n), make([]float32, m*n)
		Mul(nil, false, false, m, n, k, a, k, b, n, c, n, false)
		for i, v := range c { // sums are of the order of √k, each of k roundings within half an ulp of that
			require.InDelta(t, dot(false, false, i/n, i%n, k, a, k, b, n), float64(v), 4*k*6e-8)
		}
	})
}

func TestASteadyProductMakesLittleGarbage(t *testing.T) {
	const m, n, k, most = 40, 64, 32, 1024
	a, b, c, d := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n), make([]float32, m*m)
	p := Pack(b, k, n, n, false)
	require.Less(t, guard.Garbage(t, func() { p.Mul(nil, m, a, k, c, n, Epilogue{}) }), most)
	require.Less(t, guard.Garbage(t, func() { p.Repack(nil, b) }), most)
	require.Less(t, guard.Garbage(t, func() { Mul(nil, false, false, m, n, k, a, k, b, n, c, n, false) }), most)
	require.Less(t, guard.Garbage(t, func() { Mul(nil, true, false, k, k, m, a, k, a, k, c, k, false) }), most)
	require.Less(t, guard.Garbage(t, func() { Mul(nil, false, true, m, m, k, a, k, a, k, d, m, false) }), most)
}

func TestACallersMistakesPanic(t *testing.T) {
	p := Pack(make([]float32, 6), 2, 3, 3, false)
	v := make([]float32, 100)
	broken := NewRows(3, 1, 2, make([]int32, 3))
	broken.Line = 2
	for name, f := range map[string]func(){
		"short B":             func() { Pack(v[:5], 2, 3, 3, false) },
		"short A":             func() { p.Mul(nil, 4, v[:7], 2, v, 3, Epilogue{}) },
		"short C":             func() { p.Mul(nil, 4, v, 2, v[:11], 3, Epilogue{}) },
		"short bias":          func() { p.Mul(nil, 4, v, 2, v, 3, Epilogue{Bias: v[:2]}) },
		"short addend":        func() { p.Mul(nil, 4, v, 2, v, 3, Epilogue{Add: v[:11]}) },
		"bias and accumulate": func() { p.Mul(nil, 4, v, 2, v, 3, Epilogue{Bias: v, Accumulate: true}) },
		"broken lines":        func() { p.MulRows(nil, broken, 1, v, 9, v, 9, 3, Epilogue{}) },
		"other K":             func() { p.MulRows(nil, NewRows(1, 1, 3, make([]int32, 1)), 1, v, 9, v, 9, 3, Epilogue{}) },
	} {
		require.Panics(t, f, name)
	}
}

func BenchmarkMul(b *testing.B) {
	for _, s := range [][3]int{{256, 256, 256}, {1024, 1024, 1024}, {1, 1000, 1280}, {32, 1000, 1280}} {
		for kind, name := range []string{"AB", "AtB", "ABt"} {
			m, n, k := s[0], s[1], s[2]
			b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, n, k), func(b *testing.B) {
				lda, ldb := k, n
				if kind == 1 {
					lda = m
				}
				if kind == 2 {
					ldb = k
				}
				x, y, z := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
				for b.Loop() {
					Mul(nil, kind == 1, kind == 2, m, n, k, x, lda, y, ldb, z, n, false)
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
