// Command tfrecord trains a classifier of a folder of photographs by way of
// TFRecord files: the photographs, and augmented versions of those to train on, go
// into shards, which TensorFlow and programs in other places read as well.
//
//	tfrecord photos shards model.argus
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/tfrecord"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: tfrecord PHOTOS SHARDS MODEL")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, folder, shards, model string) error {
	photos, err := argus.OpenDataset(folder)
	if err != nil {
		return err
	}
	if photos, err = photos.Split(ctx, argus.SplitOptions{}); err != nil {
		return err
	}
	// Interrupted, it goes on where it was when it is started again.
	set, err := tfrecord.WriteImages(ctx, photos, shards, tfrecord.ImageOptions{Size: 224, Views: 2})
	if err != nil {
		return err
	}
	records, err := argus.OpenTFRecords(ctx, shards, argus.TFRecordOptions{})
	if err != nil {
		return err
	}
	clf, err := argus.New(lite0.Backbone(), records.Classes())
	if err != nil {
		return err
	}
	if _, err := clf.Fit(ctx, records, argus.FitOptions{}); err != nil {
		return err
	}
	report, err := clf.Evaluate(ctx, records.Test())
	if err != nil {
		return err
	}
	fmt.Printf("%d pictures in %d shards; accuracy on %d test pictures: %v\n", set.Records(), len(set.Shards), len(report.Outcomes), report.Accuracy)
	return clf.Save(model)
}
