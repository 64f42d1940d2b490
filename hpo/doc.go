// Package hpo searches for the options of an experiment that is dear to run:
// Bayesian optimisation by ask and tell, with a Gaussian process over spaces of
// real, integer, ordinal, categorical and conditional parameters.
//
//	space, err := hpo.NewSpace(hpo.LogReal("rate", 1e-5, 1e-1), hpo.Int("layers", 1, 3))
//	opt, err := hpo.New(space, hpo.Options{})
//	for range 40 {
//		trial, err := opt.Ask(ctx)
//		err = opt.Tell(trial.ID, loss(trial.Point.Float("rate"), trial.Point.Int("layers")))
//	}
//	best, ok := opt.Best()
//
// Values are minimised. An Optimizer is safe for many goroutines, and the same
// options and record of trials lead to the same proposal on the same machine,
// whatever the number of cores. With a journal it goes on after a crash as if
// there had been none.
package hpo
