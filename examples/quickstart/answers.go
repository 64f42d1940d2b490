package main

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
)

// answer is what a classifier says of one photograph, the likeliest first.
type answer struct {
	By     string             `json:"by"` // "trained" or "pretrained"
	Photo  string             `json:"photo"`
	Labels []argus.Prediction `json:"labels"`
}

// answers asks the saved classifier about photographs of its own kind, and the
// pretrained network, which knows the thousand classes of ImageNet, about an
// espresso and a cat.
func answers(ctx context.Context, model string, own argus.Dataset) ([]answer, error) {
	trained, err := argus.LoadClassifier(model)
	if err != nil {
		return nil, err
	}
	pretrained, err := argus.Pretrained(lite0.Backbone())
	if err != nil {
		return nil, err
	}
	var all []answer
	for _, s := range own.All() {
		labels, err := ask(ctx, trained, s.Path, s.Open)
		if err != nil {
			return nil, err
		}
		all = append(all, answer{"trained", s.Path, labels})
	}
	for _, photo := range []string{"coffee.png", "chelsea.png"} {
		labels, err := ask(ctx, pretrained, photo, func() (fs.File, error) { return embedded.Open("photos/" + photo) })
		if err != nil {
			return nil, err
		}
		all = append(all, answer{"pretrained", photo, labels})
	}
	return all, nil
}

func ask(ctx context.Context, clf *argus.Classifier, photo string, open func() (fs.File, error)) ([]argus.Prediction, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	labels, err := clf.PredictReader(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", photo, err)
	}
	return labels[:min(5, len(labels))], nil
}
