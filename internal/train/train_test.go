package train

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/argus-go/argus/nn"
)

// table is rows in memory.
type table struct {
	size   int
	x      []float32
	labels []int
}

func (t *table) Len() int        { return len(t.labels) }
func (t *table) Label(i int) int { return t.labels[i] }

func (t *table) Read(ctx context.Context, _ int, rows []int, dst []float32) error {
	for k, i := range rows {
		copy(dst[k*t.size:][:t.size], t.x[i*t.size:])
	}
	return ctx.Err()
}

// drawn is n rows of the given shape; the class is where the first value lies.
func drawn(n, classes int, in nn.Shape, seed uint64) *table {
	r := rand.New(rand.NewPCG(seed, 2))
	t := &table{size: in.Size()}
	for range n {
		label := r.IntN(classes)
		t.labels = append(t.labels, label)
		for k := range in.Size() {
			v := r.Float32()
			if k == 0 {
				v = 2*float32(label)/float32(classes) - 1 + .1*v
			}
			t.x = append(t.x, v)
		}
	}
	return t
}

var flat = nn.Shape{H: 1, W: 1, C: 5}

// job trains a dense layer on n drawn rows of 3 classes.
func job(t testing.TB, n int) *Job {
	head := nn.Dense{Name: "logits", Units: 3}
	w, err := nn.Init(head, flat, 1)
	require.NoError(t, err)
	adam, err := Optimizer{}.Completed()
	require.NoError(t, err)
	return &Job{
		Options: Options{Epochs: 3, Batch: 4, Rate: 1e-2, Optimizer: adam, Schedule: Schedule{Kind: Constant}, Accumulate: 1, TopK: 1},
		Head:    head, In: flat, Classes: 3, Weights: w,
		Train: drawn(n, 3, flat, 1), Val: drawn(20, 3, flat, 2), ClassWeights: []float32{.5, 1, 2},
		Epoch: func(Epoch) bool { return false }, Progress: func(int, int) {},
	}
}

// stepped is j after steps on the given batches of rows, and their losses.
func stepped(t testing.TB, j *Job, batch int, batches ...[]int) (*stepper, []float64) {
	s, err := j.stepper(batch)
	require.NoError(t, err)
	s.resume(nil)
	var losses []float64
	for k, rows := range batches {
		require.NoError(t, s.step(context.Background(), 1, k, rows, true))
		losses = append(losses, s.state.Sum/float64(len(rows)))
		s.state.Sum = 0
	}
	return s, losses
}

func TestABatchThatIsNotFullTrainsAsOneOfItsOwnSize(t *testing.T) {
	losses, weights := []float64{}, []nn.Weights{}
	for _, batch := range []int{4, 7} {
		j := job(t, 7)
		_, l := stepped(t, j, batch, []int{6, 1, 3, 4})
		losses, weights = append(losses, l[0]), append(weights, j.Weights)
	}
	require.InDelta(t, losses[0], losses[1], 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/kernel"].Data, weights[1]["logits/kernel"].Data, 1e-6)
	require.InDeltaSlice(t, weights[0]["logits/bias"].Data, weights[1]["logits/bias"].Data, 1e-6)
}

func TestStepsWhoseGradientsAreAddedUpAreOneLargeStep(t *testing.T) {
	whole, parts := job(t, 9), job(t, 9)
	_, want := stepped(t, whole, 9, []int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	parts.Accumulate = 3
	s, err := parts.stepper(4)
	require.NoError(t, err)
	s.resume(nil)
	for k, rows := range [][]int{{0, 1, 2, 3}, {4, 5}, {6, 7, 8}} {
		require.Zero(t, s.state.Updates)
		require.NoError(t, s.step(context.Background(), 1, k, rows, k == 2))
	}
	require.Equal(t, 1, s.state.Updates)
	require.InDelta(t, want[0], s.state.Sum/9, 1e-6)
	require.InDeltaSlice(t, whole.Weights["logits/kernel"].Data, parts.Weights["logits/kernel"].Data, 1e-6)
}

// gradient is that of the weighted, smoothed cross-entropy in float64.
func gradient(j *Job, w nn.Weights, rows []int) (loss float64, dw, db []float64) {
	kernel, bias := w["logits/kernel"].Data, w["logits/bias"].Data
	dw, db = make([]float64, len(kernel)), make([]float64, len(bias))
	train := j.Train.(*table)
	for _, i := range rows {
		x, label := train.x[i*train.size:][:train.size], train.labels[i]
		weight := float64(j.ClassWeights[label]) / float64(len(rows))
		for k, p := range softmax(x, kernel, bias) {
			target := float64(j.Smoothing) / float64(len(bias))
			if k == label {
				target += 1 - float64(j.Smoothing)
			}
			loss -= weight * target * math.Log(p)
			db[k] += weight * (p - target)
			for c, v := range x {
				dw[len(bias)*c+k] += weight * (p - target) * float64(v)
			}
		}
	}
	return loss, dw, db
}

func softmax(x, w, bias []float32) []float64 {
	p, sum := make([]float64, len(bias)), 0.
	for k := range p {
		z := float64(bias[k])
		for j, v := range x {
			z += float64(v) * float64(w[j*len(bias)+k])
		}
		p[k] = math.Exp(z)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

var six = []int{0, 1, 2, 3, 4, 5}

func TestAStepIsAdamOnTheWeightedSmoothedCrossEntropy(t *testing.T) {
	j := job(t, 6)
	j.WeightDecay, j.Smoothing = .5, .1
	before := j.Weights.Clone()
	_, got := stepped(t, j, 6, six)
	loss, dw, db := gradient(j, before, six)
	require.InDelta(t, loss, got[0], 1e-6)
	// Adam's first step is the rate in the direction of the gradient.
	step := func(g float64) float64 { return 1e-2 * g / (math.Abs(g) + 1e-7/math.Sqrt(1e-3)) }
	for i, g := range dw {
		require.InDelta(t, float64(before["logits/kernel"].Data[i])*(1-1e-2*.5)-step(g), j.Weights["logits/kernel"].Data[i], 1e-5)
	}
	for k, g := range db {
		require.InDelta(t, float64(before["logits/bias"].Data[k])-step(g), j.Weights["logits/bias"].Data[k], 1e-5, "no decay of a bias")
	}
}

// plain makes a step be the rate times the gradient.
func plain(j *Job) *Job {
	j.Optimizer, j.Rate = Optimizer{Kind: SGD, Momentum: -1}, 1
	return j
}

func TestL2IsInTheLossAndInTheGradientOfKernels(t *testing.T) {
	j := plain(job(t, 6))
	j.L2 = .25
	before := j.Weights.Clone()
	_, got := stepped(t, j, 6, six)
	loss, dw, db := gradient(j, before, six)
	for _, v := range before["logits/kernel"].Data {
		loss += .25 * float64(v) * float64(v)
	}
	require.InDelta(t, loss, got[0], 1e-6)
	for i, g := range dw {
		w := float64(before["logits/kernel"].Data[i])
		require.InDelta(t, w-g-2*.25*w, j.Weights["logits/kernel"].Data[i], 1e-6)
	}
	require.InDelta(t, float64(before["logits/bias"].Data[0])-db[0], j.Weights["logits/bias"].Data[0], 1e-6)
}

func TestGradientsTogetherAreClippedToTheNorm(t *testing.T) {
	for _, most := range []float32{.05, 100} {
		j := plain(job(t, 6))
		j.ClipNorm = most
		before := j.Weights.Clone()
		stepped(t, j, 6, six)
		_, dw, db := gradient(j, before, six)
		square := 0.
		for _, g := range append(slices.Clone(dw), db...) {
			square += g * g
		}
		scale := min(1, float64(most)/math.Sqrt(square))
		for i, g := range dw {
			require.InDelta(t, float64(before["logits/kernel"].Data[i])-scale*g, j.Weights["logits/kernel"].Data[i], 1e-6)
		}
	}
}

func TestMixupTrainsOnBlendsOfRowsAndLabels(t *testing.T) {
	j := plain(job(t, 6))
	j.Mixup = .4
	before := j.Weights.Clone()
	s, got := stepped(t, j, 6, six)
	// The blended rows are still in the graph's input.
	x, scratch := slices.Clone(j.Train.(*table).x), make([]float32, 30)
	m := j.blend(1, 0, 6, x, scratch)
	require.Equal(t, x, s.x)
	require.NotZero(t, m.other)
	loss := 0.
	labels := j.Train.(*table).labels
	for i := range six {
		p := softmax(x[5*i:][:5], before["logits/kernel"].Data, before["logits/bias"].Data)
		a, b := labels[i], labels[m.partner[i]]
		loss -= (1 - m.other) * float64(j.ClassWeights[a]) * math.Log(p[a]) / 6
		loss -= m.other * float64(j.ClassWeights[b]) * math.Log(p[b]) / 6
	}
	require.InDelta(t, loss, got[0], 1e-5)
}

func TestCutMixPastesABoxAndWeighsLabelsByItsArea(t *testing.T) {
	in := nn.Shape{H: 9, W: 7, C: 2}
	j := &Job{In: in, Options: Options{CutMix: 1}}
	shares := map[bool]int{}
	for step := range 50 {
		x := make([]float32, 4*in.Size())
		for i := range x {
			x[i] = float32(i / in.Size())
		}
		m := j.blend(1, step, 4, x, make([]float32, len(x)))
		for k, p := range m.partner {
			other := 0
			for _, v := range x[k*in.Size():][:in.Size()] {
				require.Contains(t, []float32{float32(k), float32(p)}, v)
				if v != float32(k) {
					other++
				}
			}
			if p != k {
				require.InDelta(t, m.other, float64(other)/float64(in.Size()), 1e-9)
			}
		}
		shares[m.other > 0]++
	}
	require.Greater(t, shares[true], 30)
}

func TestTheAverageOfTheWeightsIsValidatedAndKept(t *testing.T) {
	j := job(t, 40)
	j.EMA, j.Epochs = .9, 1
	raw := job(t, 40)
	raw.Epochs = 1
	var average nn.Weights
	j.Save = func(s *State) error { average = s.Average.Clone(); return nil }
	best, err := j.Run(context.Background(), nil)
	require.NoError(t, err)
	_, err = raw.Run(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, raw.Weights, j.Weights, "training itself is the same")
	require.Equal(t, average, best.Weights)
	require.NotEqual(t, j.Weights, best.Weights)
}

func TestABalancedEpochHasEachClassAsOften(t *testing.T) {
	j := job(t, 0)
	labels := slices.Concat(slices.Repeat([]int{0}, 50), slices.Repeat([]int{1}, 8), slices.Repeat([]int{2}, 2))
	j.Train, j.Balanced = &table{size: 5, x: make([]float32, 300), labels: labels}, true
	counts, seen := make([]int, 3), map[int]bool{}
	for epoch := 1; epoch <= 4; epoch++ {
		order := j.order(epoch)
		require.Len(t, order, 60)
		for _, i := range order {
			counts[labels[i]]++
			seen[i] = true
		}
	}
	require.Equal(t, []int{80, 80, 80}, counts)
	require.Greater(t, len(seen), 50, "other rows come in other epochs")
}

func TestEveryEpochAndSeedHasAnOrderOfItsOwn(t *testing.T) {
	a, b := job(t, 50), job(t, 50)
	b.Seed = 1
	require.Equal(t, a.order(1), a.order(1))
	require.NotEqual(t, a.order(1), a.order(2))
	require.NotEqual(t, a.order(1), b.order(1))
	sorted := slices.Sorted(slices.Values(a.order(3)))
	for i, k := range sorted {
		require.Equal(t, i, k)
	}
}

func TestTheSeedChoosesWhatIsDroppedOut(t *testing.T) {
	losses := map[float64]bool{}
	for _, seed := range []uint64{1, 2, 1} {
		j := job(t, 6)
		j.Head, j.Seed = nn.Seq{nn.Dropout{Rate: .5}, j.Head}, seed
		_, l := stepped(t, j, 6, six)
		losses[l[0]] = true
	}
	require.Len(t, losses, 2)
}

func TestValidationWeighsTheClassesAndCountsTheLikeliest(t *testing.T) {
	j := job(t, 40)
	j.Smoothing, j.TopK = .3, 2 // smoothing is for training only
	got, err := j.validate(context.Background(), j.Weights)
	require.NoError(t, err)
	loss, total, right, top := 0., 0., 0, 0
	found, of := make([]int, 3), make([]int, 3)
	val := j.Val.(*table)
	for i, label := range val.labels {
		p := softmax(val.x[5*i:][:5], j.Weights["logits/kernel"].Data, j.Weights["logits/bias"].Data)
		loss -= float64(j.ClassWeights[label]) * math.Log(p[label])
		total += float64(j.ClassWeights[label])
		of[label]++
		if slices.Max(p) == p[label] {
			right++
			found[label]++
		}
		if slices.Min(p) != p[label] {
			top++
		}
	}
	require.InDelta(t, loss/total, got.loss, 1e-6)
	require.Equal(t, []int{right, top}, []int{got.right, got.top})
	require.Equal(t, [][]int{of, found}, [][]int{got.of, got.found})
}

// withBody is a job with a norm in its body and one in its head.
func withBody(t *testing.T, n int) *Job {
	j := job(t, n)
	j.Body = nn.Block{Name: "body", Body: nn.Norm{Name: "norm", BatchNorm: nn.BatchNorm{Eps: 1e-3}}}
	j.Head = nn.Block{Name: "head", Body: nn.Seq{nn.Norm{Name: "norm", BatchNorm: nn.BatchNorm{Eps: 1e-3}}, nn.Dense{Name: "logits", Units: 3}}}
	w, err := nn.Init(j.Layer(), j.In, 1)
	require.NoError(t, err)
	j.Weights = w
	return j
}

func TestNormsOfTheBodyKeepTheirStatisticsUnlessToldToTrain(t *testing.T) {
	for _, trains := range []bool{false, true} {
		j := withBody(t, 6)
		j.TrainNorm = trains
		stepped(t, j, 6, six)
		zero := make([]float32, 5)
		require.NotEqual(t, zero, j.Weights["head/norm/moving_mean"].Data, "the head's always follow")
		require.NotEqual(t, zero, j.Weights["body/norm/beta"].Data, "shifts are trained")
		if trains {
			require.NotEqual(t, zero, j.Weights["body/norm/moving_mean"].Data)
		} else {
			require.Equal(t, zero, j.Weights["body/norm/moving_mean"].Data)
		}
	}
}

func TestGroupsHaveTheirOwnRateAndBeginning(t *testing.T) {
	j := plain(withBody(t, 6))
	j.Groups = []Group{{Path: "body", Rate: .5, From: 2}, {Path: "body/norm", Rate: 100}}
	before := j.Weights.Clone()
	s, err := j.stepper(6)
	require.NoError(t, err)
	s.resume(nil)
	require.NoError(t, s.step(context.Background(), 1, 0, six, true))
	require.Equal(t, before["body/norm/beta"], j.Weights["body/norm/beta"], "not yet")
	require.NotEqual(t, before["head/logits/bias"], j.Weights["head/logits/bias"])

	full := plain(withBody(t, 6))
	stepped(t, full, 6, six)
	half := plain(withBody(t, 6))
	half.Groups = []Group{{Path: "body", Rate: .5}}
	stepped(t, half, 6, six)
	for i, v := range full.Weights["body/norm/beta"].Data {
		require.InDelta(t, v/2, half.Weights["body/norm/beta"].Data[i], 1e-7)
	}
	require.Equal(t, full.Weights["head/logits/bias"], half.Weights["head/logits/bias"])
}

func TestTheBestEpochIsKeptAndPatienceEndsTheRun(t *testing.T) {
	j := job(t, 40)
	j.Epochs, j.Patience, j.Rate = 100, 3, 3
	var losses []float64
	j.Epoch = func(e Epoch) bool {
		losses = append(losses, e.ValLoss)
		require.Equal(t, len(losses), e.Number)
		return false
	}
	best, err := j.Run(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, slices.Min(losses), best.Loss)
	require.Equal(t, best.Loss, losses[best.Number-1])
	require.Len(t, losses, best.Number+3)
	got, err := j.validate(context.Background(), best.Weights)
	require.NoError(t, err)
	require.Equal(t, best.Loss, got.loss)
	require.Equal(t, best.Right, got.right)
}

func TestEpochCanEndTheRun(t *testing.T) {
	j := job(t, 40)
	seen := 0
	j.Epoch = func(Epoch) bool { seen++; return seen == 2 }
	_, err := j.Run(context.Background(), nil)
	require.NoError(t, err)
	require.Equal(t, 2, seen)
}

func TestTheRateFallsWhereTheLossDoesNot(t *testing.T) {
	j := job(t, 40)
	j.Epochs, j.Rate, j.Schedule = 12, 1e-30, Schedule{Kind: Plateau, Factor: .5, Patience: 2, Floor: .2} // too low to improve
	var rates []float32
	j.Epoch = func(e Epoch) bool { rates = append(rates, e.Rate/1e-30); return false }
	_, err := j.Run(context.Background(), nil)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{1, 1, 1, .5, .5, .25, .25, .2, .2, .2, .2, .2}, rates, 1e-6)
}

// saved is a state as it comes back from a file.
func saved(t *testing.T, s *State) *State {
	b, err := json.Marshal(s)
	require.NoError(t, err)
	back := &State{}
	require.NoError(t, json.Unmarshal(b, back))
	back.SetTensors(s.Tensors().Clone())
	return back
}

// long is a job in which everything is at work that has a state.
func long(t *testing.T, kind OptimizerKind) *Job {
	j := withBody(t, 30)
	j.Head = nn.Seq{nn.Dropout{Rate: .3}, j.Head}
	o, err := Optimizer{Kind: kind}.Completed()
	require.NoError(t, err)
	j.Optimizer, j.TrainNorm, j.EMA, j.Mixup, j.Accumulate, j.Batch = o, true, .9, .3, 2, 5
	j.Epochs, j.ClipNorm, j.L2, j.Patience = 4, .5, 1e-3, 3
	j.Schedule = Schedule{Kind: Plateau, Factor: .5, Patience: 1}
	return j
}

func TestARunStoppedAnywhereEndsWithTheSameBits(t *testing.T) {
	for _, kind := range []OptimizerKind{Adam, SGD, RMSprop} {
		whole := long(t, kind)
		var states []*State
		whole.SaveSteps = 1
		whole.Save = func(s *State) error { states = append(states, saved(t, s)); return nil }
		want, err := whole.Run(context.Background(), nil)
		require.NoError(t, err)
		require.Len(t, states, 4*3, "two of three updates in an epoch, and its end")
		for _, s := range states {
			again := long(t, kind)
			got, err := again.Run(context.Background(), s)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, whole.Weights, again.Weights)
		}
	}
}

func TestACancelledRunSavesWhereItStands(t *testing.T) {
	want, err := long(t, Adam).Run(context.Background(), nil)
	require.NoError(t, err)
	for stop := 1; stop < 24; stop += 5 {
		j := long(t, Adam)
		ctx, cancel := context.WithCancel(context.Background())
		j.Progress = func(done, _ int) {
			if done == stop {
				cancel()
			}
		}
		var s *State
		j.Save = func(now *State) error { s = saved(t, now); return nil }
		_, err := j.Run(ctx, nil)
		require.ErrorIs(t, err, context.Canceled)
		got, err := long(t, Adam).Run(context.Background(), s)
		require.NoError(t, err)
		require.Equal(t, want, got, "stopped at step %d", stop)
	}
}

func TestASaveThatFailsIsAnError(t *testing.T) {
	j := job(t, 8)
	full := errors.New("disk full")
	j.Save = func(*State) error { return full }
	_, err := j.Run(context.Background(), nil)
	require.ErrorIs(t, err, full)
}

func TestTrainingThatDivergesSaysWhere(t *testing.T) {
	j := job(t, 8)
	j.Rate = 3e38
	_, err := j.Run(context.Background(), nil)
	require.ErrorIs(t, err, ErrDiverged)
	require.ErrorContains(t, err, "learning rate 3e+38")
}

func TestRowsThatAreMissingOrOfNoClassAreRefused(t *testing.T) {
	for want, spoil := range map[string]func(j *Job){
		"label 3 of training row 2 is none of 3 classes":    func(j *Job) { j.Train.(*table).labels[2] = 3 },
		"label -1 of validation row 0 is none of 3 classes": func(j *Job) { j.Val.(*table).labels[0] = -1 },
		"there are no training rows":                        func(j *Job) { j.Train = &table{} },
		"there are no validation rows":                      func(j *Job) { j.Val = nil },
	} {
		j := job(t, 8)
		spoil(j)
		_, err := j.Run(context.Background(), nil)
		require.EqualError(t, err, want)
	}
}

// A cancelling is rows whose reading for validation ends a context.
type cancelling struct {
	*table
	cancel func()
}

func (c cancelling) Read(ctx context.Context, epoch int, rows []int, dst []float32) error {
	if epoch == 0 {
		c.cancel()
	}
	return c.table.Read(ctx, epoch, rows, dst)
}

func TestARunCancelledWhileItValidatesGoesOnThere(t *testing.T) {
	whole := job(t, 8)
	want, err := whole.Run(context.Background(), nil)
	require.NoError(t, err)

	j := job(t, 8)
	var saved *State
	j.Save = func(s *State) error { saved = s; return nil }
	ctx, cancel := context.WithCancel(context.Background())
	j.Val = cancelling{j.Val.(*table), cancel}
	_, err = j.Run(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 0, saved.Epoch, "not over before it is validated")
	require.Equal(t, 2, saved.Step)
	require.Equal(t, 4, saved.Batch)

	got, err := job(t, 8).Run(context.Background(), saved)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestALossThatIsNeverFiniteHasNoRate(t *testing.T) {
	j := job(t, 8)
	j.Train.(*table).x[0] = float32(math.NaN())
	j.Batch = 8
	_, _, err := j.FindRate(context.Background(), 1e-7, 10, 20)
	require.ErrorIs(t, err, ErrDiverged)
}

func TestAStepAllocatesLittle(t *testing.T) {
	for _, mixup := range []float32{0, .4} {
		j := job(t, 32)
		j.Mixup = mixup
		s, err := j.stepper(32)
		require.NoError(t, err)
		s.resume(nil)
		rows := j.order(1)
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for k := range b.N {
				require.NoError(t, s.step(context.Background(), 1, k, rows, true))
			}
		})
		require.Less(t, r.AllocedBytesPerOp(), int64(10_000))
	}
}

func TestMemoryIsKnownBeforeARunAndChoosesTheBatch(t *testing.T) {
	sized := func(batch int) *Job {
		j := withBody(t, 200)
		j.Batch = batch
		return j
	}
	need := map[int]int64{}
	for _, batch := range []int{1, 25, 50, 100} {
		n, err := sized(0).Memory(batch)
		require.NoError(t, err)
		need[batch] = n
	}
	require.Greater(t, need[100], need[50])

	j := sized(0)
	require.NoError(t, j.FitBatch(100, 2*need[100]))
	require.Equal(t, 100, j.Batch)
	j = sized(0)
	require.NoError(t, j.FitBatch(100, 2*need[100]-1))
	require.Equal(t, 50, j.Batch, "half of it is left to others")
	j = sized(100)
	require.NoError(t, j.FitBatch(7, need[100]))
	require.Equal(t, 100, j.Batch, "as told")
	require.ErrorContains(t, sized(100).FitBatch(7, need[100]-1), "training with batches of 100 needs 0.0 GB of memory, there are 0.0 GB: take smaller batches")
	require.ErrorContains(t, sized(0).FitBatch(100, need[1]), "begin at a later block")
}
