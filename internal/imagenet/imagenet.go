// Package imagenet names the 1000 classes of ILSVRC 2012.
package imagenet

import (
	_ "embed"
	"strings"
)

//go:embed classes.txt
var classes string

// Classes lists the names in the order of the outputs of pretrained networks,
// which is that of the WordNet ids: "tench" is 0.
func Classes() []string { return strings.Split(strings.TrimSuffix(classes, "\n"), "\n") }
