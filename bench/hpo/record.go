package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// A table is losses over a grid of options, the last parameter's values changing
// fastest.
type table struct {
	About  string       `json:"about"`
	Params []tableParam `json:"params"`
	Loss   []float64    `json:"loss"`
}

type tableParam struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// record fits a classifier of photographs at every point of a grid and writes
// the table of the lowest validation losses: clothing5.json is of the photographs
// of that name.
func record(ctx context.Context, photos, cache, out string) error {
	t := table{
		About: "lowest validation loss of argus.Fit with EfficientNet-Lite0 on clothing5, 40 epochs at most",
		Params: []tableParam{
			{"learning_rate", []float64{1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2}},
			{"dropout", []float64{0, .2, .4, .6, .8}},
			{"hidden", []float64{0, 32, 128, 512}},
			{"l2", []float64{0, 1e-4, 1e-3}},
		},
	}
	data, err := argus.OpenDataset(photos)
	if err != nil {
		return err
	}
	clf, err := argus.New(lite0.Backbone(), data.Classes())
	if err != nil {
		return err
	}
	at := make([]int, len(t.Params))
	for {
		v := func(i int) float64 { return t.Params[i].Values[at[i]] }
		dropout := float32(v(1))
		o := argus.FitOptions{Epochs: 40, LearningRate: float32(v(0)), Dropout: &dropout, L2: float32(v(3)), CacheDir: cache}
		if units := int(v(2)); units > 0 {
			o.Hidden = []int{units}
		}
		h, err := clf.Fit(ctx, data, o)
		if err != nil {
			return err
		}
		t.Loss = append(t.Loss, h.Epochs[h.Best-1].ValLoss)
		i := len(at) - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < len(t.Params[i].Values) {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			break
		}
	}
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(b, '\n'), 0o666)
}
