package argus

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/argus-go/argus/tfrecord"
)

// TFRecordOptions say how TFRecords are read; the zero value reads what
// tfrecord.WriteImages wrote. Other programs' features are mapped by name.
type TFRecordOptions = tfrecord.SetOptions

// OpenTFRecords lists the pictures in the TFRecord files of a folder, as
// tfrecord.OpenSet does. Fit, Evaluate and Split do with them what they do with the same
// pictures in folders, and share their cached features: those go by the bytes of the
// picture. A picture's path is that of its shard and the number of its record, the
// order that of the shards.
//
// It is an error if there are fewer than two classes, if a class has no picture
// (in train, where there are splits), or if a shard is missing, cut or not what the manifest says.
func OpenTFRecords(ctx context.Context, path string, o TFRecordOptions) (Dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Dataset{}, fmt.Errorf("argus: dataset: %w", err)
	}
	if !info.IsDir() {
		return Dataset{}, fmt.Errorf("argus: dataset %s: is a file, want a folder of TFRecord files", path)
	}
	return openTFRecords(ctx, os.DirFS(path), path, o)
}

// OpenTFRecordsFS is OpenTFRecords for the root of a file system, such as a bucket.
// Pictures are read one by one where its files are io.ReaderAt and not compressed.
func OpenTFRecordsFS(ctx context.Context, fsys fs.FS, o TFRecordOptions) (Dataset, error) {
	return openTFRecords(ctx, fsys, ".", o)
}

func openTFRecords(ctx context.Context, fsys fs.FS, name string, o TFRecordOptions) (Dataset, error) {
	d := Dataset{name: name}
	set, err := tfrecord.OpenSet(ctx, fsys, o)
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	d.classes = set.Classes()
	d.samples = make([]Sample, 0, set.Len())
	for img := range set.Images() {
		d.samples = append(d.samples, Sample{Path: img.Path, Label: img.Label, Split: Split(img.Split), fsys: set})
	}
	order := []Split{TrainSplit, ValSplit, TestSplit, ""}
	slices.SortStableFunc(d.samples, func(a, b Sample) int {
		return slices.Index(order, a.Split) - slices.Index(order, b.Split)
	})
	if len(d.classes) < 2 {
		return Dataset{}, d.errorf("has classes %q, want two or more", d.classes)
	}
	first := d.part(d.samples[0].Split)
	for label, n := range first.Counts() {
		if n == 0 {
			return Dataset{}, d.errorf("class %q has none of the %d records of split %q", d.classes[label], first.Len(), d.samples[0].Split)
		}
	}
	return d, nil
}

// Images yields the pictures for tfrecord.WriteImages.
func (d Dataset) Images() iter.Seq[tfrecord.Image] {
	return func(yield func(tfrecord.Image) bool) {
		for _, s := range d.samples {
			if !yield(tfrecord.Image{Path: s.Path, Label: s.Label, Split: string(s.Split), Open: s.Open}) {
				return
			}
		}
	}
}
