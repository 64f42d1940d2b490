package clean

import (
	"cmp"
	"slices"
	"strings"
)

// Kind is what is wrong with a picture.
type Kind string

// The kinds, in the order of reports.
const (
	Unreadable     Kind = "unreadable"      // cannot be opened or decoded, or is over the limits
	NotPicture     Kind = "not a picture"   // has a picture's extension, but not its content
	WrongExtension Kind = "wrong extension" // is a picture of another format than its name says
	CMYK           Kind = "cmyk"
	Grey           Kind = "grey"  // has one channel
	Alpha          Kind = "alpha" // has transparency
	Deep           Kind = "16 bit"
	Animated       Kind = "animated" // has several frames or pages
	TooSmall       Kind = "too small"
	OddAspect      Kind = "odd aspect"
	Blank          Kind = "blank" // shows one colour
	Dark           Kind = "dark"
	Blurred        Kind = "blurred"
	Duplicate      Kind = "duplicate"      // same pixels as another of its class and split
	NearDuplicate  Kind = "near duplicate" // shows the same photograph as another of its class and split
	Leak           Kind = "leak"           // shows the same photograph as one of a later split: train, val, test
	LabelConflict  Kind = "label conflict" // shows the same photograph as one of another class

	// Check does not look for these; who does (argus.Mislabels and
	// argus.Outliers) may add them to Report.Faults.
	Mislabel Kind = "likely mislabel"
	Outlier  Kind = "outlier"
)

var kinds = []Kind{Unreadable, NotPicture, WrongExtension, CMYK, Grey, Alpha, Deep, Animated, TooSmall, OddAspect, Blank, Dark, Blurred,
	Duplicate, NearDuplicate, Leak, LabelConflict, Mislabel, Outlier}

// Report is what Check found, in an order that depends on the files alone. In
// JSON, a name that is not UTF-8 is an object of its bytes: {"base64":"…"}.
type Report struct {
	Pictures []Picture `json:"pictures"` // by path; broken ones, too
	Others   int       `json:"others"`   // files that neither are pictures nor are called so
	Faults   []Fault   `json:"faults"`   // by path and kind
	Clusters []Cluster `json:"clusters"` // of pictures that show the same photograph
}

// Picture is a file that is a picture by name or content. Format, Width, Height
// (upright) and SHA256 are zero where the file did not get that far.
type Picture struct {
	Path   string `json:"path"` // in the folder, with slashes
	Class  string `json:"class,omitempty"`
	Split  string `json:"split,omitempty"` // Train, Val, Test or ""
	Format string `json:"format,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	Bytes  int64  `json:"bytes"`
	// Profile is the description of the ICC colour profile in the file, as "Display P3",
	// or "unnamed". Pictures are learned from and judged as if they were sRGB, which is
	// about right for profiles of that name only.
	Profile string `json:"profile,omitempty"`
	SHA256  string `json:"sha256,omitempty"` // of the file, in hexadecimal
}

// Fault is one thing that is wrong with one picture. Other is the picture that
// it is a duplicate of, if that is what is wrong.
type Fault struct {
	Path   string `json:"path"`
	Kind   Kind   `json:"kind"`
	Detail string `json:"detail"`
	Other  string `json:"other,omitempty"`
}

// Cluster is two or more pictures that show the same photograph: each is one of
// a Pair with another, though not with all of them.
type Cluster struct {
	Key   string   `json:"key"`   // the least SHA-256 of its files
	Paths []string `json:"paths"` // sorted
	Pairs []Pair   `json:"pairs"`
}

// Pair is two pictures, A before B by path, that show the same photograph.
type Pair struct {
	A    string   `json:"a"`
	B    string   `json:"b"`
	Same Sameness `json:"same"`
	// Of near duplicates, Bits are the bits of 64 in which difference hashes of
	// A and B, or of a part of one of them, differ, Score is the correlation
	// of gradients after registration, from .72 to 1, and Mirrored says that one
	// was turned left to right.
	Bits     int     `json:"bits,omitempty"`
	Score    float64 `json:"score,omitempty"`
	Mirrored bool    `json:"mirrored,omitempty"`
}

// Sameness is how much of two pictures is the same.
type Sameness string

// The degrees of sameness.
const (
	SameBytes  Sameness = "bytes"
	SamePixels Sameness = "pixels"
	SamePhoto  Sameness = "photograph" // recompressed, resized, cropped, framed, brightened or mirrored
)

// Of returns the faults of the given kinds.
func (r Report) Of(kinds ...Kind) []Fault {
	var faults []Fault
	for _, f := range r.Faults {
		if slices.Contains(kinds, f.Kind) {
			faults = append(faults, f)
		}
	}
	return faults
}

// Groups gives each readable picture, by path, the key of its group: its
// cluster's, or the SHA-256 of its file where it is in none. Pictures of one
// group belong into one split.
func (r Report) Groups() map[string]string {
	groups := map[string]string{}
	for _, p := range r.Pictures {
		if p.SHA256 != "" {
			groups[p.Path] = p.SHA256
		}
	}
	for _, c := range r.Clusters {
		for _, path := range c.Paths {
			groups[path] = c.Key
		}
	}
	return groups
}

// report puts together what was seen of files and pairs of them.
func report(files []seen, pairs []pair) Report {
	var r Report
	for _, s := range files {
		if s.other {
			r.Others++
			continue
		}
		r.Pictures = append(r.Pictures, s.Picture)
		r.Faults = append(r.Faults, s.faults...)
	}
	for _, c := range clusters(len(files), pairs) {
		c.files = files
		r.Clusters = append(r.Clusters, c.cluster())
		r.Faults = append(r.Faults, c.faults()...)
	}
	slices.SortFunc(r.Clusters, func(a, b Cluster) int { return strings.Compare(a.Paths[0], b.Paths[0]) })
	slices.SortStableFunc(r.Faults, func(a, b Fault) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)))
	})
	return r
}
