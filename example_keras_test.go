package argus_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/inception"
)

// A model of the Python image-classification tool, which fed [0, 1] to every
// network, becomes a model file of argus.
func ExampleImportKeras() {
	clf, err := argus.ImportKeras("model.h5", []string{"shirt", "shoe"}, argus.ScaleUnit.Preprocess())
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := clf.Save("model.argus"); err != nil {
		fmt.Println(err)
	}
	// Output: argus: import model.h5: no such file or directory
}

// Features of a weights file that Keras wrote, without its top.
func ExampleBackboneFrom() {
	clf, err := argus.New(argus.BackboneFrom(inception.V3(1000), "inception_v3_notop.h5"), []string{"shirt", "shoe"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = clf.Embed(context.Background(), image.NewGray(image.Rect(0, 0, 8, 8)))
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output: true
}
