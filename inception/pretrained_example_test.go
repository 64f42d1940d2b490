package inception_test

import (
	"context"
	"fmt"
	"log"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/inception"
	"github.com/argus-go/argus/nn"
)

// Weights are downloaded at first use. On a machine without a network they lie
// in a folder, here that of Keras.
func ExampleV3Backbone() {
	backbone := inception.V3Backbone(nn.Download{Mirror: "/home/me/.keras/models"})
	clf, err := argus.New(backbone, []string{"cat", "dog"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(clf.Info().Origin.Licence)
	fmt.Println(clf.Info().Origin.Digest)
	// Output:
	// Apache-2.0
	// md5:bcbd6486424b2319ff4ef7d526e38f63
}

// The whole way: 88 MB are downloaded once, when Fit first needs them.
func ExampleV3Backbone_fit() {
	ctx := context.Background()
	photos, err := argus.OpenDataset("photos") // photos/{train,val,test}/<class>/*.jpg
	if err != nil {
		log.Fatal(err)
	}
	clf, err := argus.New(inception.V3Backbone(), photos.Classes())
	if err != nil {
		log.Fatal(err)
	}
	options := argus.FitOptions{CacheDir: "features", FineTune: argus.FineTune{From: "mixed10", Epochs: 3}}
	if _, err := clf.Fit(ctx, photos, options); err != nil {
		log.Fatal(err)
	}
	if err := clf.Save("photos.argus"); err != nil {
		log.Fatal(err)
	}
}
