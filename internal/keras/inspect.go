package keras

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/argus-go/argus/internal/hdf5"
	"github.com/argus-go/argus/nn"
)

// A Listing is what a file says of itself; no numbers are read for it.
type Listing struct {
	Version string // of the Keras that wrote it; "" where the file does not say
	Backend string // "tensorflow"; "" where the file does not say
	Archive bool   // .keras
	Whole   bool   // the file holds a whole model, not only weights
	Arrays  []Array

	file *file
}

// Array is one array of a listing.
type Array struct {
	Name  string // where it is in the file: "stem_conv/stem_conv/kernel:0"
	DType string // "float32"
	Shape []int
}

// List lists what the size bytes of a Keras file hold.
func List(r io.ReaderAt, size int64) (*Listing, error) {
	f, err := open(r, size)
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	l := &Listing{file: f, Archive: isArchive(r, size), Whole: f.config != nil}
	for _, layer := range f.layers {
		for _, w := range layer.Weights {
			dtype, err := w.array.DType()
			if err != nil {
				return nil, fmt.Errorf("keras: %w", err)
			}
			l.Arrays = append(l.Arrays, Array{strings.TrimPrefix(w.array.Path(), "/"), dtype, w.Shape})
		}
	}
	if l.Archive {
		err = l.archiveWriter(r, size)
	} else {
		err = l.hdf5Writer(r, size)
	}
	if err != nil {
		return nil, fmt.Errorf("keras: %w", err)
	}
	return l, nil
}

// archiveWriter reads the version from metadata.json, where there is one.
func (l *Listing) archiveWriter(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	for _, part := range z.File {
		if part.Name != "metadata.json" {
			continue
		}
		b, err := inflated(part, 1<<16)
		if err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
		var metadata struct {
			Version string `json:"keras_version"`
		}
		if err := json.Unmarshal(b, &metadata); err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
		l.Version = metadata.Version
	}
	return nil
}

// hdf5Writer reads the version from attributes of the root, where they are.
func (l *Listing) hdf5Writer(r io.ReaderAt, size int64) error {
	h, err := hdf5.New(r, size)
	if err != nil {
		return err
	}
	root, err := h.Root()
	if err != nil {
		return err
	}
	for name, to := range map[string]*string{"keras_version": &l.Version, "backend": &l.Backend} {
		a, err := root.Attribute(name)
		if err != nil {
			continue // told or not: it is only for the reader
		}
		if text, err := a.Strings(); err == nil && len(text) == 1 {
			*to = text[0]
		}
	}
	return nil
}

// Fits says why the file's names and shapes are not those of m, or nothing.
func (l *Listing) Fits(m nn.Model) error {
	layers := weighted(l.file.layers)
	network, err := partOf(layers, m)
	if err != nil {
		return err
	}
	_, err = match(layers, network, m.Input.Shape())
	return err
}
