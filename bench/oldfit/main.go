// Oldfit times what the Python system did in its fit: InceptionV3 on a folder of
// photographs, the head and then the last two blocks. oldfit.py does the same in
// Keras; run.sh runs both in turn. Weights are random, for only time is asked for.
//
//	go run ./bench/oldfit -photos FOLDER [-epochs N] [-augment] [-cpuprofile FILE]
//
// Without -augment the pictures are the same in every epoch, so that features and
// activations are computed once; with it they are drawn anew.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
)

// A result is the line of output; oldfit.py writes the same.
type result struct {
	Who     string  `json:"who"`
	Augment bool    `json:"augment"`
	Epochs  int     `json:"epochs"` // of each phase
	Seconds float64 `json:"seconds"`
	Of      any     `json:"of,omitempty"` // what they went to
}

func main() {
	photos := flag.String("photos", "", "folder with train and val")
	epochs := flag.Int("epochs", 10, "of the head, and again of the last two blocks")
	augment := flag.Bool("augment", false, "draw every picture anew in every epoch")
	profile := flag.String("cpuprofile", "", "file to write a profile to")
	flag.Parse()
	if *profile != "" {
		file, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *photos, *epochs, *augment); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, photos string, epochs int, augment bool) error {
	data, err := argus.OpenDataset(photos)
	if err != nil {
		return err
	}
	m := inception.V3(1000)
	m.Top = nil
	weights, err := nn.Init(m.Body, m.Input.Shape(), 1)
	if err != nil {
		return err
	}
	c, err := argus.New(nn.Backbone{Model: m, Weights: nn.Fixed(weights)}, data.Classes())
	if err != nil {
		return err
	}
	o := argus.FitOptions{
		Epochs: epochs, Batch: 20, LearningRate: 1e-4, Patience: -1,
		FineTune: argus.FineTune{Blocks: 2, Epochs: epochs, Batch: 20, TrainNorm: true},
	}
	if augment {
		o.Views = -1
	}
	start := time.Now()
	history, err := c.Fit(ctx, data, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result{"argus", augment, epochs, time.Since(start).Seconds(), history.Seconds})
}
