// Package cloud keeps data sets in buckets: gs:// (Google), s3:// (Amazon and others that speak
// its protocol), azblob:// (Azure), file:// and mem://. A Bucket is a file system to read folders of pictures and
// shards from, and a place to write shards to, over networks that fail.
//
// It is a module of its own, so that programs without buckets do not download
// what these need.
package cloud

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	_ "gocloud.dev/blob/memblob"   // mem://
	_ "gocloud.dev/blob/s3blob"    // s3://

	"github.com/argus-go/argus/tfrecord"
)

// Options are a Bucket's options.
type Options struct {
	// Retries is how often a request that failed is made again before its error is returned,
	// counted anew after each byte that comes; 0 means 6, a negative number never. The
	// providers' own clients may try again before that.
	Retries int
	// Delay is the time before the first retry; each next one waits twice as
	// long, up to 30 s, less a random part. 0 means 200 ms.
	Delay time.Duration
	// SpoolDir is the folder of temporary files for objects until they are
	// uploaded, which may have to be done more than once. "" keeps them in memory: with
	// WriteImages one shard at a time.
	SpoolDir string
}

// Bucket is a bucket, or a folder in one. It is an fs.FS whose files can be
// read at any place (io.ReaderAt, by range requests), and a tfrecord.Store. Its methods may be
// called from many goroutines.
//
// Sizes of objects that ReadDir has seen are remembered: what others change
// meanwhile is seen by a Bucket opened later.
type Bucket struct {
	blob  *blob.Bucket
	ctx   context.Context
	o     Options
	owned bool

	known sync.Map // name → info, of objects
}

var _ tfrecord.Store = (*Bucket)(nil)

// Open opens a bucket, or a folder in it, by its URL: s3://bucket/photos/train,
// gs://…, azblob://…, file:///folder, mem://. Queries are those of gocloud.dev/blob
// (region, endpoint and s3ForcePathStyle for other servers that speak S3, …);
// credentials are found as the providers' own tools find them. Reading ends when ctx does.
func Open(ctx context.Context, address string, o Options) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("cloud: %w", err)
	}
	folder := ""
	switch u.Scheme {
	case "gs", "s3", "azblob":
		folder = strings.Trim(u.Path, "/")
		u.Path = ""
	}
	b, err := blob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("cloud: %s: %w", u.Redacted(), err)
	}
	if folder != "" {
		b = blob.PrefixedBucket(b, folder+"/")
	}
	opened := New(ctx, b, o)
	opened.owned = true
	return opened, nil
}

// New returns a Bucket over one that the caller has opened, and closes.
func New(ctx context.Context, b *blob.Bucket, o Options) *Bucket {
	if o.Retries == 0 {
		o.Retries = 6
	}
	if o.Delay <= 0 {
		o.Delay = 200 * time.Millisecond
	}
	return &Bucket{blob: b, ctx: ctx, o: o}
}

// Close ends the use of the bucket.
func (b *Bucket) Close() error {
	if !b.owned {
		return nil
	}
	return b.blob.Close()
}
