package argus_test

import (
	"context"
	"fmt"
	"image/color"
	"image/png"
	"os"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/clean"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// A dataset is looked over before it is learned from: near duplicates share a
// split, and the labels that the network doubts most are shown first.
func ExampleClassifier_Mislabels() {
	dir, err := os.MkdirTemp("", "argus-example-")
	check(err)
	defer os.RemoveAll(dir)
	writePhotos(dir+"/brick", 20, color.RGBA{170, 80, 60, 255})
	writePhotos(dir+"/lawn", 20, color.RGBA{70, 140, 50, 255})
	check(os.Rename(dir+"/lawn/07.png", dir+"/brick/lawn.png")) // put into the wrong folder
	ctx := context.Background()

	report, err := clean.Check(ctx, dir, clean.Options{MinSide: 32})
	check(err)
	groups := report.Groups()
	photos, err := argus.OpenDataset(dir)
	check(err)
	photos, err = photos.Split(ctx, argus.SplitOptions{Group: func(s argus.Sample) string { return groups[s.Path] }})
	check(err)

	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	check(err)
	doubts, err := clf.Mislabels(ctx, photos, argus.DoubtOptions{})
	check(err)
	first := doubts.Ranked[0]
	fmt.Printf("%s: %s, likely %s\n", first.Path, first.Label, first.Likely)

	sheet, err := doubts.Sheet(ctx, photos, 12)
	check(err)
	f, err := os.Create(dir + "/doubts.png")
	check(err)
	check(png.Encode(f, sheet))
	check(f.Close())
	// Output: brick/lawn.png: brick, likely lawn
}
