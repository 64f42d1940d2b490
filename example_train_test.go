package argus_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// The head first, then the last two stages of the network. Ctrl-C keeps what was
// done: the same program started again goes on from there.
func ExampleClassifier_Fit_fineTuning() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	photos, err := argus.OpenDataset("photos")
	if err != nil {
		fmt.Println(err)
		return
	}
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	if err != nil {
		fmt.Println(err)
		return
	}
	history, err := clf.Fit(ctx, photos, argus.FitOptions{
		Optimizer:      argus.Optimizer{Kind: argus.AdamW},
		Schedule:       argus.Schedule{Kind: argus.CosineRate, Warmup: .1},
		LabelSmoothing: .1,
		FineTune:       argus.FineTune{Blocks: 2, Epochs: 5, BlockDecay: .8},
		CacheDir:       "cache",
		Checkpoint:     argus.Checkpoint{Dir: "cache", Every: 30 * time.Second},
		Logs:           argus.Logs{TensorBoard: "logs/1"},
	}, argus.Hooks{Epoch: func(e argus.Epoch) {
		fmt.Printf("%s %d: %.3f\n", e.Stage, e.Epoch, e.ValAccuracy)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("best epoch:", history.Best)
	if _, err := clf.Calibrate(ctx, photos.Val(), .99); err != nil {
		fmt.Println(err)
		return
	}
	report, err := clf.Evaluate(ctx, photos.Test())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report)
	fmt.Println("of the answers given,", report.Answered, "are right")
}
