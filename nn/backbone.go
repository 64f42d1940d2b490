package nn

import "context"

// A Backbone is a network together with where its pretrained weights come
// from. It is a plain value: make your own from any Model and any source.
type Backbone struct {
	Model   Model
	Weights Source
	Classes []string // names of the outputs of the pretrained top, in order
	Origin  Origin

	// Body is the same network without its top, where the weights of that are
	// published in a smaller file; nil where they come with the top's.
	Body *Backbone
}

// Download says how files of pretrained weights get here. A file is downloaded
// at first use, held against its published hash and kept; then no network is
// used.
type Download struct {
	Cache  string // folder to keep files in; "" stands for $ARGUS_CACHE, else argus in the user's cache folder
	Mirror string // folder, or prefix of a URL, that has the files by their names; "" stands for $ARGUS_WEIGHTS, else where they are published
}

// A Source reads or downloads weights, body and top. Progress may be nil; it
// is told how many bytes of how many are there.
type Source func(ctx context.Context, progress func(done, total int64)) (Weights, error)

// Origin says where weights come from; it goes into model files.
type Origin struct {
	Source  string `json:",omitempty"` // who made them, where they are published
	Licence string `json:",omitempty"` // SPDX identifier
	Digest  string `json:",omitempty"` // hash of the file, "sha256:…" or "md5:…"
}

// Fixed is the Source of weights already in memory.
func Fixed(w Weights) Source {
	return func(context.Context, func(done, total int64)) (Weights, error) { return w, nil }
}
