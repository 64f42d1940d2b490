package argus_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/serve"
)

func train(ctx context.Context) error {
	photos, err := argus.OpenDataset("photos") // photos/{train,val,test}/<class>/*.jpg, or <class>/*.jpg
	if err != nil {
		return err
	}
	photos, err = photos.Split(ctx, argus.SplitOptions{}) // fills what is missing of train, val and test
	if err != nil {
		return err
	}
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	if err != nil {
		return err
	}
	history, err := clf.Fit(ctx, photos, argus.FitOptions{})
	if err != nil {
		return err
	}
	report, err := clf.Evaluate(ctx, photos.Test()) // accuracy with interval, confusion, per class, worst errors
	if err != nil {
		return err
	}
	fmt.Printf("trained: %t, accuracy: %.2f\n", history.Best > 0, report.Accuracy.Value)
	return clf.Save("photos.argus") // one self-contained file
}

func answer(ctx context.Context, img image.Image) error {
	clf, err := argus.LoadClassifier("photos.argus")
	if err != nil {
		return err
	}
	labels, err := clf.Predict(ctx, img) // sorted by probability; safe from many goroutines
	if err != nil {
		return err
	}
	fmt.Println("this is", labels[0].Label)
	http.Handle("/classify", serve.Handler(clf)) // POST a picture, get the labels as JSON
	return nil
}

// A folder of photographs in, a trained classifier out. The photographs here
// are made up: noise of two colours.
func Example() {
	dir, err := os.MkdirTemp("", "argus-example-")
	check(err)
	defer os.RemoveAll(dir)
	home, err := os.Getwd()
	check(err)
	check(os.Chdir(dir))
	defer os.Chdir(home)
	writePhotos("photos/brick", 30, color.RGBA{170, 80, 60, 255})
	writePhotos("photos/lawn", 30, color.RGBA{70, 140, 50, 255})

	check(train(context.Background()))
	check(answer(context.Background(), noise(99, color.RGBA{70, 140, 50, 255})))
	// Output:
	// trained: true, accuracy: 1.00
	// this is lawn
}

func writePhotos(folder string, n int, c color.RGBA) {
	check(os.MkdirAll(folder, 0o777))
	for i := range n {
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%02d.png", i)))
		check(err)
		check(png.Encode(f, noise(uint64(i), c)))
		check(f.Close())
	}
}

// noise is 48×48 pixels around c.
func noise(seed uint64, c color.RGBA) image.Image {
	r := rand.New(rand.NewPCG(seed, 0))
	around := func(v uint8) uint8 { return v - 40 + uint8(r.IntN(80)) }
	img := image.NewRGBA(image.Rect(0, 0, 48, 48))
	for i := 0; i < len(img.Pix); i += 4 {
		copy(img.Pix[i:], []uint8{around(c.R), around(c.G), around(c.B), 255})
	}
	return img
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
