package argus

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
)

// Split is the part of a dataset that a sample belongs to; "" is none yet.
type Split string

// The splits.
const (
	TrainSplit Split = "train"
	ValSplit   Split = "val"
	TestSplit  Split = "test"
)

// splitFolders are the folder names that mean a split, in lower case.
var splitFolders = map[string]Split{
	"train": TrainSplit, "val": ValSplit, "valid": ValSplit, "validation": ValSplit, "test": TestSplit,
}

// Sample is one picture file of a Dataset.
type Sample struct {
	Path  string // inside the dataset, with slashes
	Label int    // index into Classes
	Split Split
	fsys  fs.FS
	view  int // of the picture; 0 is the picture itself
}

// Open opens the file.
func (s Sample) Open() (fs.File, error) { return s.fsys.Open(s.Path) }

// BadPicture is a sample that could not be used, and why.
type BadPicture struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// Dataset is a list of labelled pictures. It is a value: nothing changes it,
// and files are opened only when they are needed.
type Dataset struct {
	name    string // for messages
	classes []string
	samples []Sample
}

// OpenDataset lists the pictures of a folder, or of a zip, tar or tar.gz file, laid
// out as
//
//	{train,val,test}/<class>/**/*.jpg   (validation and valid also mean val)
//	<class>/**/*.jpg                    (see Dataset.Split)
//
// Classes are the sorted folder names. Pictures are told by their extension
// (jpg, jpeg, jpe, jfif, png, gif, bmp, tif, tiff, webp in any case); hidden files and
// others are passed over, as is what package clean put into quarantine; symbolic links
// are followed. Pictures are not read. In an
// archive all this may lie in one folder, links are passed over, and a name
// that leads outside is an error; the pictures of a tar.gz are kept in memory.
//
// It is an error if there is no such folder, if there are fewer than two
// classes, if a class has no picture (in train, where there are splits), or if
// val or test has a class that train lacks.
func OpenDataset(path string) (Dataset, error) { return openPath(path, openDataset) }

// openPath calls open for a folder or an archive.
func openPath(path string, open func(fsys fs.FS, name string) (Dataset, error)) (Dataset, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Dataset{}, fmt.Errorf("argus: dataset: %w", err)
	}
	if info.IsDir() {
		return open(os.DirFS(path), path)
	}
	fsys, err := openArchive(path)
	if err != nil {
		return Dataset{}, fmt.Errorf("argus: dataset %s: %w", path, withoutPath(err))
	}
	return open(fsys, path)
}

// OpenDatasetFS is OpenDataset for the root of a file system.
func OpenDatasetFS(fsys fs.FS) (Dataset, error) { return openDataset(fsys, ".") }

// Classes returns the class names in label order.
func (d Dataset) Classes() []string { return slices.Clone(d.classes) }

// Len returns the number of samples.
func (d Dataset) Len() int { return len(d.samples) }

// All yields the samples in order: by split, class and path.
func (d Dataset) All() iter.Seq2[int, Sample] { return slices.All(d.samples) }

// Counts returns the number of samples of each class, in label order.
func (d Dataset) Counts() []int {
	counts := make([]int, len(d.classes))
	for _, s := range d.samples {
		counts[s.Label]++
	}
	return counts
}

// Train returns the training samples, with the same classes.
func (d Dataset) Train() Dataset { return d.part(TrainSplit) }

// Val returns the validation samples, with the same classes.
func (d Dataset) Val() Dataset { return d.part(ValSplit) }

// Test returns the test samples, with the same classes.
func (d Dataset) Test() Dataset { return d.part(TestSplit) }

func (d Dataset) part(split Split) Dataset {
	return d.Filter(func(s Sample) bool { return s.Split == split })
}

// Filter returns the samples that keep says yes to, with the same classes.
func (d Dataset) Filter(keep func(Sample) bool) Dataset {
	var kept []Sample
	for _, s := range d.samples {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return Dataset{d.name, d.classes, kept}
}

func (d Dataset) errorf(format string, args ...any) error {
	return fmt.Errorf("argus: dataset %s: %w", d.name, fmt.Errorf(format, args...))
}

func openDataset(fsys fs.FS, name string) (Dataset, error) {
	d := Dataset{name: name}
	root, err := walk(fsys, ".", nil)
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	parts, err := root.parts()
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	if d.classes, err = classesOf(parts); err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	for _, part := range parts {
		if err := d.add(fsys, part); err != nil {
			return Dataset{}, d.errorf("%w", err)
		}
	}
	return d, nil
}

// add appends the samples of one split.
func (d *Dataset) add(fsys fs.FS, part part) error {
	for _, class := range part.folder.folders {
		pictures, _ := class.all()
		label, known := slices.BinarySearch(d.classes, path.Base(class.path))
		if len(pictures) > 0 && !known {
			return fmt.Errorf("class %s has pictures, but the training split has no class %q", class.path, path.Base(class.path))
		}
		for _, file := range pictures {
			d.samples = append(d.samples, Sample{Path: file, Label: label, Split: part.split, fsys: fsys})
		}
	}
	return nil
}

// OpenPictures lists all pictures under a folder, or in an archive, that have no
// labels yet: a Dataset of one class without a name, for [Classifier.Uncertain] and
// [Classifier.Index]. It is an error if there is none.
func OpenPictures(path string) (Dataset, error) {
	return openPath(path, openPictures)
}

// OpenPicturesFS is OpenPictures for the root of a file system.
func OpenPicturesFS(fsys fs.FS) (Dataset, error) { return openPictures(fsys, ".") }

func openPictures(fsys fs.FS, name string) (Dataset, error) {
	d := Dataset{name: name, classes: []string{""}}
	root, err := walk(fsys, ".", nil)
	if err != nil {
		return Dataset{}, d.errorf("%w", err)
	}
	pictures, others := root.all()
	for _, file := range pictures {
		d.samples = append(d.samples, Sample{Path: file, fsys: fsys})
	}
	if len(pictures) == 0 {
		return Dataset{}, d.errorf("there is no picture among its %d files", others)
	}
	return d, nil
}
