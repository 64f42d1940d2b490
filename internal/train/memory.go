package train

import (
	"fmt"

	"github.com/argus-go/argus/nn"
)

// Memory is about how many bytes a run takes with batches of so many rows.
func (j *Job) Memory(batch int) (int64, error) {
	g, err := j.stepper(batch)
	if err != nil {
		return 0, err
	}
	defer g.machine.Close()
	plan, err := nn.Freeze(j.Layer(), j.In, j.Weights)
	if err != nil {
		return 0, err
	}
	n := int64(g.machine.Memory()) + 4*int64(len(g.x)+len(g.scratch))
	n += int64(plan.Memory(validated)) + 4*validated*int64(j.In.Size())
	copies := int64(6) // the weights, two moments, the best epoch's; packed for steps and for validation
	if j.EMA > 0 {
		copies++
	}
	for _, w := range j.Weights {
		n += 4 * copies * int64(len(w.Data))
	}
	for _, p := range g.params {
		n += 4 * int64(len(p.total))
	}
	return n, nil
}

// FitBatch sets Batch, where it is 0, to the wanted number of rows, or as many
// fewer as take no more than half the available bytes. A Batch that takes more
// than is available is an error. Nothing is allocated.
func (j *Job) FitBatch(wanted int, available int64) error {
	j.Accumulate = max(1, j.Accumulate)
	limit := available
	batch := min(j.Batch, j.Train.Len())
	if j.Batch == 0 {
		limit, batch = available/2, min(wanted, j.Train.Len())
	}
	for ; ; batch /= 2 {
		need, err := j.Memory(batch)
		if err != nil {
			return err
		}
		if need <= limit {
			if j.Batch == 0 {
				j.Batch = batch
			}
			return nil
		}
		if j.Batch > 0 || batch == 1 {
			return fmt.Errorf("training with batches of %d needs %.1f GB of memory, there are %.1f GB: %s",
				batch, float64(need)/1e9, float64(available)/1e9, advice(batch))
		}
	}
}

func advice(batch int) string {
	if batch == 1 {
		return "begin at a later block, or take smaller pictures"
	}
	return "take smaller batches"
}
