package inception_test

import (
	"fmt"

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
