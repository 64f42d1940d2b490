package hpo_test

import (
	"context"
	"fmt"
	"math"

	"github.com/argus-go/argus/hpo"
)

// A learning rate and a number of layers, where a second layer has a size of
// its own.
func Example() {
	space, err := hpo.NewSpace(
		hpo.LogReal("rate", 1e-5, 1e-1),
		hpo.Int("layers", 1, 2),
		hpo.LogInt("second", 8, 512).IfAtLeast("layers", 2),
	)
	if err != nil {
		panic(err)
	}
	loss := func(p hpo.Point) float64 {
		l := math.Abs(math.Log10(p.Float("rate")) + 3)
		if p.Has("second") {
			l -= math.Log2(float64(p.Int("second"))) / 9
		}
		return l
	}
	opt, err := hpo.New(space, hpo.Options{})
	if err != nil {
		panic(err)
	}
	for range 30 {
		trial, err := opt.Ask(context.Background())
		if err != nil {
			panic(err)
		}
		if err := opt.Tell(trial.ID, loss(trial.Point)); err != nil {
			panic(err)
		}
	}
	best, _ := opt.Best()
	fmt.Printf("rate %.1g, %d layers, %d units: %.2f\n", best.Point.Float("rate"), best.Point.Int("layers"), best.Point.Int("second"), best.Value)
	// Output: rate 0.001, 2 layers, 512 units: -1.00
}
