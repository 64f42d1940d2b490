package tfrecord

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"

	"github.com/argus-go/argus/augment"
)

// Images is what WriteImages reads; an argus.Dataset is one.
type Images interface {
	// Classes returns the names of the classes in label order.
	Classes() []string
	// Images yields all pictures, the same in the same order each time.
	Images() iter.Seq[Image]
}

// Image is a labelled picture file.
type Image struct {
	Path  string // tells it from the others of its split
	Label int    // index into the classes
	Split string // train, val, test or none
	Open  func() (fs.File, error)
}

// ImageOptions says how pictures become records.
type ImageOptions struct {
	// Shards is the number of shards of each split. 0 begins a new shard
	// before ShardBytes are exceeded.
	Shards     int   `json:"shards,omitempty"`
	ShardBytes int64 `json:"shard_bytes,omitempty"` // before compression; 0 means 100,000,000
	// Size is the side of the square that pictures are resized to, bilinear and whole;
	// 0 leaves them as big as they are. A JPEG that has the size is passed
	// through unless it is to be turned (EXIF) or is CMYK; all else becomes JPEG of
	// quality 100 with colour at full resolution.
	Size int `json:"size,omitempty"`
	// Seed decides on the order of the pictures, which are shuffled across shards.
	Seed uint64 `json:"seed,omitempty"`
	// Ordered leaves them in their own order.
	Ordered bool `json:"ordered,omitempty"`
	// Augment makes more of the training pictures: Views versions of each, beside
	// the picture itself and resized like it. An Augment alone means 4 Views, Views alone
	// mean augment.Default. Pictures without a split are to be divided first, lest
	// versions of one end up on both sides.
	Augment augment.Augmentor `json:"augment,omitzero"`
	Views   int               `json:"views,omitempty"`
	// Class, Path and Dimensions add the features class, path, and width and
	// height to image and label.
	Class      bool `json:"class,omitempty"`
	Path       bool `json:"path,omitempty"`
	Dimensions bool `json:"dimensions,omitempty"`

	Compression Compression `json:"compression,omitempty"`
	Limits      Limits      `json:"limits"` // of the pictures
	// Threads is how many pictures are worked on at a time; 0 means GOMAXPROCS.
	// The shards are the same for any number.
	Threads int `json:"-"`
}

// ErrOtherSet is a folder with shards that other pictures or options gave.
var ErrOtherSet = errors.New("holds shards of other pictures or options: take another folder, or remove them first")

func (o ImageOptions) check() error {
	const maxSize, maxViews = 1 << 14, 1000
	switch {
	case o.Shards < 0:
		return fmt.Errorf("%d shards, want 0 or more", o.Shards)
	case o.ShardBytes < 0:
		return fmt.Errorf("shards of %d bytes, want 0 or more", o.ShardBytes)
	case o.Size < 0 || o.Size > maxSize:
		return fmt.Errorf("size is %d, want 0 to %d", o.Size, maxSize)
	case o.Views < 0 || o.Views > maxViews:
		return fmt.Errorf("%d views, want 0 to %d", o.Views, maxViews)
	}
	if err := o.Augment.Check(); err != nil {
		return err
	}
	_, err := o.Compression.compressed(nil)
	return err
}

// completed fills in what one of Augment and Views says of the other.
func (o ImageOptions) completed() ImageOptions {
	switch {
	case o.Views != 0 && len(o.Augment.Steps) == 0:
		o.Augment = augment.Default()
	case o.Views == 0 && len(o.Augment.Steps) > 0:
		o.Views = 4
	}
	return o
}

func (o ImageOptions) threads() int {
	if o.Threads > 0 {
		return o.Threads
	}
	return runtime.GOMAXPROCS(0)
}

func (o ImageOptions) shardBytes() int64 {
	if o.ShardBytes == 0 {
		return 100_000_000
	}
	return o.ShardBytes
}

// WriteImages writes the pictures as tf.train.Examples into shards
// in the folder dir, which is made if need be: dir/00-123.tfrec with 123 records, or
// dir/train/00-123.tfrec where pictures have a split, and dir/manifest.json.
// Pictures that cannot be used are left out and listed in the manifest.
//
// Shards appear one by one, whole. After an error or a crash, the same call goes
// on with the first shard that is missing or damaged; the files are in the end the same, as they
// are for any number of threads. What is complete is read and checked, and not
// written again. It is an error (ErrOtherSet) if dir has shards of other pictures or options.
//
// Memory holds a few pictures for each thread. While a call writes into a folder, another
// one is refused (ErrInUse); in buckets, and in folders of file systems without
// locks, it is not, and must not be made.
func WriteImages(ctx context.Context, pictures Images, dir string, o ImageOptions, hooks ...Hooks) (Manifest, error) {
	return WriteImagesTo(ctx, pictures, Folder(dir), o, hooks...)
}

// Hooks are what WriteImages calls meanwhile, from one goroutine.
type Hooks struct {
	// Progress is told after each picture, or view of one.
	Progress func(done, total int)
}

// WriteImagesTo is WriteImages into a Store.
func WriteImagesTo(ctx context.Context, pictures Images, to Store, o ImageOptions, hooks ...Hooks) (Manifest, error) {
	if err := o.check(); err != nil {
		return Manifest{}, named("images", err)
	}
	plan, err := newPlan(ctx, pictures, o.completed())
	if err != nil {
		return Manifest{}, named("images", err)
	}
	unlock, err := alone(to, true)
	if err != nil {
		return Manifest{}, named("images", err)
	}
	defer unlock()
	w := &imageWriter{plan: plan, store: to}
	for _, h := range hooks {
		if h.Progress != nil {
			w.progress = append(w.progress, h.Progress)
		}
	}
	if err := w.run(ctx); err != nil {
		return w.manifest.clone(), named("images", err)
	}
	return w.manifest, nil
}

// plan is all that decides on the shards.
type plan struct {
	ImageOptions
	classes []string
	groups  []group
	total   int    // pictures and their views
	source  string // SHA-256 of all of it
}

// group is the pictures of a split in the order in which they are written.
type group struct {
	split  string
	images []view
}

// view is a version of a picture, 0 the picture itself.
type view struct {
	Image
	number int
}

func newPlan(ctx context.Context, pictures Images, o ImageOptions) (plan, error) {
	p := plan{ImageOptions: o, classes: pictures.Classes()}
	at := map[string]int{}
	sum := sha256.New()
	list := json.NewEncoder(sum) // quotes what could run together
	if err := list.Encode([]any{1, o, p.classes}); err != nil {
		return plan{}, err
	}
	for img := range pictures.Images() {
		if err := ctx.Err(); err != nil {
			return plan{}, err
		}
		if img.Label < 0 || img.Label >= len(p.classes) {
			return plan{}, fmt.Errorf("%s: label is %d, want 0 to %d", img.Path, img.Label, len(p.classes)-1)
		}
		if img.Split != "" && (!fs.ValidPath(img.Split) || img.Split[0] == '.') {
			return plan{}, fmt.Errorf("%s: split %q is no name of a folder", img.Path, img.Split)
		}
		i, known := at[img.Split]
		if !known {
			i = len(p.groups)
			at[img.Split] = i
			p.groups = append(p.groups, group{split: img.Split})
		}
		if o.Views > 0 && img.Split == "" {
			return plan{}, fmt.Errorf("%s has no split: divide the pictures before they are augmented", img.Path)
		}
		p.groups[i].add(img, o.Views)
		if err := list.Encode([]any{img.Split, img.Path, img.Label, sizeOf(img)}); err != nil {
			return plan{}, err
		}
	}
	for _, g := range p.groups {
		p.total += len(g.images)
	}
	if p.total == 0 {
		return plan{}, errors.New("there are no pictures")
	}
	p.source = hex.EncodeToString(sum.Sum(nil))
	if !o.Ordered {
		for _, g := range p.groups {
			g.shuffle(o.Seed)
		}
	}
	return p, nil
}

// add takes in a picture and, in train, its views.
func (g *group) add(img Image, views int) {
	if g.split != "train" {
		views = 0
	}
	for k := range views + 1 {
		g.images = append(g.images, view{img, k})
	}
}

// sizeOf is the length of a picture's file, -1 where it is not to be had.
func sizeOf(img Image) int64 {
	f, err := img.Open()
	if err != nil {
		return -1
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return -1
	}
	return info.Size()
}
