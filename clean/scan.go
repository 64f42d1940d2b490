package clean

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/argus-go/argus/internal/picture"
)

// The splits a file may belong to, by its folder.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// splitFolders are the folder names that mean a split, in lower case.
var splitFolders = map[string]string{"train": Train, "val": Val, "valid": Val, "validation": Val, "test": Test}

// A file is one that Check looks at.
type file struct {
	path, class, split string
	link               bool // a symbolic link
}

// scan lists the files of fsys by path.
func scan(fsys fs.FS) ([]file, error) {
	var files []file
	if err := walk(fsys, ".", nil, &files); err != nil {
		return nil, err
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	splits := hasSplits(files)
	for i := range files {
		files[i].place(splits)
	}
	return files, nil
}

// walk appends the files under dir. Ancestors are the folders above it, so that
// a link back to one of them is not followed.
func walk(fsys fs.FS, dir string, ancestors []fs.FileInfo, files *[]file) error {
	const maxDepth = 100 // for file systems that cannot tell two folders apart
	info, err := fs.Stat(fsys, dir)
	if err != nil {
		return err
	}
	for _, above := range ancestors {
		if os.SameFile(above, info) {
			return nil
		}
	}
	if len(ancestors) == maxDepth {
		return fmt.Errorf("folder %s is nested deeper than %d", dir, maxDepth)
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := path.Join(dir, e.Name())
		mode := e.Type()
		link := mode&fs.ModeSymlink != 0
		if link {
			mode = 0 // one that leads nowhere is a file that cannot be read
			if info, err := fs.Stat(fsys, name); err == nil {
				mode = info.Mode().Type()
			}
		}
		switch {
		case mode.IsDir() && name == quarantineFolder && isQuarantine(fsys):
		case mode.IsDir():
			if err := walk(fsys, name, append(ancestors, info), files); err != nil {
				return err
			}
		case mode.IsRegular():
			*files = append(*files, file{path: name, link: link})
		}
	}
	return nil
}

// isQuarantine says whether the folder of that name is one that Quarantine made.
func isQuarantine(fsys fs.FS) bool {
	_, err := fs.Stat(fsys, manifestPath)
	return err == nil
}

// hasSplits says whether the files are laid out by split and class: train holds
// class folders, and no pictures beside them. Otherwise train may be a class.
func hasSplits(files []file) bool {
	folders := false
	for _, f := range files {
		top, rest, below := strings.Cut(f.path, "/")
		if !below || splitFolders[strings.ToLower(top)] != Train {
			continue
		}
		if strings.Contains(rest, "/") {
			folders = true
		} else if picture.IsName(rest) {
			return false
		}
	}
	return folders
}

// place tells class and split by the path.
func (f *file) place(splits bool) {
	rest := f.path
	if splits {
		top, below, _ := strings.Cut(rest, "/")
		if f.split = splitFolders[strings.ToLower(top)]; f.split == "" {
			return
		}
		rest = below
	}
	if class, _, below := strings.Cut(rest, "/"); below {
		f.class = class
	}
}
