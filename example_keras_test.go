package argus_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"slices"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet"
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

// Weights of a file that Keras wrote, with its top or without. What the file calls
// its layers is all one: conv2d, conv2d_1 … or conv2d_1, conv2d_2 ….
func ExampleBackboneFrom() {
	clf, err := argus.New(argus.BackboneFrom(inception.V3(1000), "inception_v3_notop.h5"), []string{"shirt", "shoe"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = clf.Embed(context.Background(), image.NewGray(image.Rect(0, 0, 8, 8)))
	fmt.Println(errors.Is(err, os.ErrNotExist)) // read when first needed
	// Output: true
}

// EfficientNet-Lite1, whose weights nobody publishes for Keras. Its input is that of
// Lite: (x-127)/128; change Model.Input for a file that was trained on another.
func ExampleBackboneFrom_efficientNetLite() {
	lite1, err := efficientnet.New("lite1", 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	backbone := argus.BackboneFrom(lite1, "efficientnetlite1.h5")
	fmt.Println(backbone.Model.Input.Size, backbone.Model.Input.Mean, backbone.Model.Input.Std)
	info, err := argus.Inspect("efficientnetlite1.h5", lite1) // does it fit?
	fmt.Println(slices.Contains(info.Fits, lite1.Name), err)
	// Output:
	// 240 [127 127 127] [128 128 128]
	// false argus: inspect efficientnetlite1.h5: no such file or directory
}
