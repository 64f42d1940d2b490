package argus_test

import (
	"context"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// More training pictures in one line: four versions of each, turned, cropped,
// recoloured, whose features are computed once.
func ExampleFitOptions_augment() {
	ctx := context.Background()
	photos, err := argus.OpenDataset("photos.zip")
	if err != nil {
		return // there are none here
	}
	clf, err := argus.New(lite0.Backbone(), photos.Classes())
	if err != nil {
		return
	}
	_, _ = clf.Fit(ctx, photos, argus.FitOptions{Augment: augment.Default()})
}
