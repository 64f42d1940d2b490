// Rotation is a task on which a frozen head is weak: how far has a photograph been
// turned? It fits EfficientNet-Lite0 to it, head and then blocks 6 and 7, and prints
// a line of JSON for each seed. rotation.py does the same in Keras; run.sh runs both
// in turn.
//
//	go run ./bench/rotation -photos FOLDER -turned FOLDER [-seeds N]
//
// Every photograph of FOLDER/{train,val,test} is there turned by 0, 90, 180 and 270°.
// The turned pictures, 224×224, are written to the second folder if it is not there.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"

	_ "image/jpeg"
	_ "image/png"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
)

const side = 224

// A result is one line of output; rotation.py writes the same.
type result struct {
	Who    string    `json:"who"`
	Seed   uint64    `json:"seed"`
	Head   float64   `json:"head"` // accuracy on the test pictures
	Tuned  float64   `json:"tuned"`
	Frozen float64   `json:"frozen_seconds"` // the part that is computed once
	Epochs []float64 `json:"epoch_seconds"`
}

func main() {
	photos := flag.String("photos", "", "folder with train, val and test")
	turned := flag.String("turned", "", "folder for the turned pictures")
	seeds := flag.Uint64("seeds", 1, "how many")
	first := flag.Uint64("first", 0, "the first seed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *photos, *turned, *first, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, photos, turned string, first, seeds uint64) error {
	if _, err := os.Stat(turned); os.IsNotExist(err) {
		if err := turnAll(photos, turned); err != nil {
			return err
		}
	}
	data, err := argus.OpenDataset(turned)
	if err != nil {
		return err
	}
	for seed := first; seed < first+seeds; seed++ {
		r, err := fit(ctx, data, seed)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func fit(ctx context.Context, data argus.Dataset, seed uint64) (result, error) {
	r := result{Who: "argus", Seed: seed}
	head, err := accuracy(ctx, data, argus.FitOptions{Seed: seed}, &r)
	if err != nil {
		return r, err
	}
	r.Head = head
	r.Tuned, err = accuracy(ctx, data, argus.FitOptions{Seed: seed, FineTune: argus.FineTune{
		From: "block6a", Epochs: 5, Batch: 32, LearningRate: 1e-4,
	}}, &r)
	return r, err
}

func accuracy(ctx context.Context, data argus.Dataset, o argus.FitOptions, r *result) (float64, error) {
	c, err := argus.New(lite0.Backbone(), data.Classes())
	if err != nil {
		return 0, err
	}
	last := time.Now()
	h, err := c.Fit(ctx, data, o, argus.Hooks{
		Epoch: func(e argus.Epoch) {
			if e.Stage == argus.FineTuneStage {
				r.Epochs = append(r.Epochs, time.Since(last).Seconds())
			}
			last = time.Now()
		},
		Progress: func(p argus.Progress) {
			if p.Stage == argus.FineTuneStage && p.Done == 0 {
				last = time.Now()
			}
		},
	})
	if err != nil {
		return 0, err
	}
	r.Frozen = h.Seconds.Features
	report, err := c.Evaluate(ctx, data.Test())
	if err != nil {
		return 0, err
	}
	return report.Accuracy.Value, nil
}

// turnAll writes every photograph in its four positions.
func turnAll(photos, turned string) error {
	paths, err := filepath.Glob(filepath.Join(photos, "*", "*", "*.jpg"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("%s has no {train,val,test}/class/*.jpg: %v", photos, err)
	}
	temp := turned + ".part"
	for _, path := range paths {
		split := filepath.Base(filepath.Dir(filepath.Dir(path)))
		name := filepath.Base(filepath.Dir(path)) + "-" + filepath.Base(path) + ".bmp"
		img, err := square(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for quarter := range 4 {
			dir := filepath.Join(temp, split, fmt.Sprintf("%03d", 90*quarter))
			if err := write(filepath.Join(dir, name), img); err != nil {
				return err
			}
			img = turn(img)
		}
	}
	return os.Rename(temp, turned)
}

func square(path string) (*image.RGBA, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from, _, err := image.Decode(f)
	if err != nil {
		return nil, err
	}
	to := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.BiLinear.Scale(to, to.Bounds(), from, from.Bounds(), draw.Src, nil)
	return to, nil
}

// turn is img turned by 90° to the left.
func turn(img *image.RGBA) *image.RGBA {
	to := image.NewRGBA(img.Bounds())
	for y := range side {
		for x := range side {
			to.SetRGBA(y, side-1-x, img.RGBAAt(x, y))
		}
	}
	return to
}

func write(path string, img image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := bmp.Encode(f, img); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
