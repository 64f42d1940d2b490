package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"regexp"
	"testing/fstest"

	"github.com/argus-go/argus/tfrecord"
)

// many is a dataset of so many pictures of 96×96, made as they are read.
type many int

func (many) Classes() []string { return []string{"a", "b"} }

func (n many) Images() iter.Seq[tfrecord.Image] {
	var files [different][]byte
	for i := range files {
		m := image.NewGray(image.Rect(0, 0, 96, 96))
		_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(m.Pix)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 30}); err != nil {
			panic(err)
		}
		files[i] = b.Bytes()
	}
	return func(yield func(tfrecord.Image) bool) {
		for i := range int(n) {
			img := tfrecord.Image{Path: fmt.Sprintf("%06d.jpg", i), Label: i % 2, Split: "train", Open: func() (fs.File, error) {
				return fstest.MapFS{"x": {Data: files[i%different]}}.Open("x")
			}}
			if !yield(img) {
				return
			}
		}
	}
}

func measureMemory(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "records")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	const records = 100_000
	m, err := tfrecord.WriteImages(ctx, many(records), dir, tfrecord.ImageOptions{ShardBytes: 20_000_000})
	if err != nil {
		return err
	}
	var total int64
	for _, s := range m.Shards {
		total += s.Bytes
	}
	written, err := peak()
	if err != nil {
		return err
	}
	set, err := tfrecord.OpenSet(ctx, os.DirFS(dir), tfrecord.SetOptions{})
	if err != nil {
		return err
	}
	read := 0
	for img := range set.Images() {
		if _, err := fs.ReadFile(set, img.Path); err != nil {
			return err
		}
		read++
	}
	all, err := peak()
	fmt.Printf("%d records, %d MB in %d shards: written with at most %s, read one by one with at most %s resident\n", read, total>>20, len(m.Shards), written, all)
	return err
}

var residentPeak = regexp.MustCompile(`VmHWM:\s+(\d+ kB)`)

// peak is the most memory that the process has had, on Linux.
func peak() (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	found := residentPeak.FindSubmatch(status)
	if found == nil {
		return "", errors.New("/proc/self/status has no VmHWM")
	}
	return string(found[1]), nil
}
