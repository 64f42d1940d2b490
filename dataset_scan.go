package argus

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/argus-go/argus/internal/picture"
)

// folder is a walked folder; everything in it is sorted by name.
type folder struct {
	path     string
	folders  []*folder
	pictures []string // paths of the files directly in it
	others   int      // files that are no pictures by name
}

// maxDepth is for file systems that cannot tell two folders apart.
const maxDepth = 100

// walk reads the tree under dir. Ancestors are the folders above it, so that a
// symbolic link back to one of them is not followed.
func walk(fsys fs.FS, dir string, ancestors []fs.FileInfo) (*folder, error) {
	info, err := fs.Stat(fsys, dir)
	if err != nil {
		return nil, err
	}
	f := &folder{path: dir}
	for _, above := range ancestors {
		if os.SameFile(above, info) {
			return f, nil
		}
	}
	if len(ancestors) == maxDepth {
		return nil, fmt.Errorf("folder %s is nested deeper than %d", dir, maxDepth)
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := f.enter(fsys, e, append(ancestors, info)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// enter adds one entry of f. A link that leads nowhere is kept if its name is a
// picture's, to be reported when it is read.
func (f *folder) enter(fsys fs.FS, e fs.DirEntry, ancestors []fs.FileInfo) error {
	name, mode := path.Join(f.path, e.Name()), e.Type()
	hidden := strings.HasPrefix(e.Name(), ".")
	if mode&fs.ModeSymlink != 0 {
		mode = 0
		if info, err := fs.Stat(fsys, name); err == nil {
			mode = info.Mode().Type()
		}
	}
	switch {
	case mode.IsDir() && name == "quarantine" && exists(fsys, "quarantine/manifest.jsonl"): // package clean's
	case mode.IsDir() && !hidden:
		sub, err := walk(fsys, name, ancestors)
		if err != nil {
			return err
		}
		f.folders = append(f.folders, sub)
	case mode.IsDir():
	case mode.IsRegular() && !hidden && picture.IsName(name):
		f.pictures = append(f.pictures, name)
	default:
		f.others++
	}
	return nil
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

// all returns the pictures of the whole tree, sorted, and the number of its
// other files.
func (f *folder) all() (pictures []string, others int) {
	pictures, others = slices.Clone(f.pictures), f.others
	for _, sub := range f.folders {
		p, n := sub.all()
		pictures, others = append(pictures, p...), others+n
	}
	slices.Sort(pictures)
	return pictures, others
}

// part is a folder of class folders and the split it stands for.
type part struct {
	split  Split
	folder *folder
}

// parts tells the layout. A folder is one of splits if it holds train/ with
// class folders and no pictures beside them; otherwise train may be a class
// like any other.
func (f *folder) parts() ([]part, error) {
	bySplit := map[Split]*folder{}
	var rest []*folder
	for _, sub := range f.folders {
		split, ok := splitFolders[strings.ToLower(path.Base(sub.path))]
		if !ok {
			rest = append(rest, sub)
			continue
		}
		if other := bySplit[split]; other != nil {
			return nil, fmt.Errorf("folders %s and %s both mean %s", other.path, sub.path, split)
		}
		bySplit[split] = sub
	}
	train := bySplit[TrainSplit]
	if train != nil && len(train.folders) > 0 && len(train.pictures) == 0 {
		return splitParts(bySplit, rest)
	}
	if len(bySplit) == 0 || len(rest) > 0 {
		return []part{{"", f}}, nil
	}
	if train == nil {
		return nil, fmt.Errorf("has %d folders of splits, but no folder train", len(bySplit))
	}
	return nil, fmt.Errorf("folder %s has no class folders: %s", train.path, train.contents())
}

func splitParts(bySplit map[Split]*folder, rest []*folder) ([]part, error) {
	for _, sub := range rest {
		if pictures, _ := sub.all(); len(pictures) > 0 {
			return nil, fmt.Errorf("folder %s stands beside train and has %d pictures, but is neither val nor test", sub.path, len(pictures))
		}
	}
	var parts []part
	for _, split := range []Split{TrainSplit, ValSplit, TestSplit} {
		if sub := bySplit[split]; sub != nil {
			parts = append(parts, part{split, sub})
		}
	}
	return parts, nil
}

// classesOf returns the class names, those of the first part, and checks that
// each has pictures there.
func classesOf(parts []part) ([]string, error) {
	first := parts[0].folder
	if len(first.folders) == 0 {
		return nil, fmt.Errorf("folder %s has no class folders: %s", first.path, first.contents())
	}
	var classes []string
	for _, class := range first.folders {
		if pictures, _ := class.all(); len(pictures) == 0 {
			return nil, fmt.Errorf("class %s has no pictures: %s", class.path, class.contents())
		}
		classes = append(classes, path.Base(class.path))
	}
	slices.Sort(classes)
	if len(classes) < 2 {
		return nil, fmt.Errorf("has one class, %q, want two or more", classes[0])
	}
	return classes, nil
}

// contents says what was found, for a message.
func (f *folder) contents() string {
	pictures, others := f.all()
	switch n := len(pictures) + others; {
	case n == 0:
		return "it is empty"
	case len(pictures) == 0:
		return fmt.Sprintf("found %d files, none with a picture's extension", n)
	default:
		return fmt.Sprintf("found %d files, %d of them pictures", n, len(pictures))
	}
}
