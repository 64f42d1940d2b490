package nn

import "context"

// A Backbone is a network together with where its pretrained weights come
// from. It is a plain value: make your own from any Model and any source.
type Backbone struct {
	Model   Model
	Weights Source
	Classes []string // names of the outputs of the pretrained top, in order
	Origin  Origin
}

// A Source reads or downloads weights, body and top. Progress may be nil; it
// is told how many bytes of how many are there.
type Source func(ctx context.Context, progress func(done, total int64)) (Weights, error)

// Origin says where weights come from; it goes into model files.
type Origin struct {
	Source  string `json:",omitempty"` // who made them, where they are published
	Licence string `json:",omitempty"` // SPDX identifier
	Digest  string `json:",omitempty"` // hash of the file, "sha256:…"
}

// Fixed is the Source of weights already in memory.
func Fixed(w Weights) Source {
	return func(context.Context, func(done, total int64)) (Weights, error) { return w, nil }
}
