package tfrecord

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// Compression is how a whole file is compressed, under TensorFlow's names.
type Compression string

// The compressions. A Reader tells them by itself, and reads the members of a gzip file as one;
// what follows them is damage, what follows a zlib stream is not looked at, as in TensorFlow.
const (
	None Compression = ""
	GZIP Compression = "GZIP"
	ZLIB Compression = "ZLIB"
)

// detect tells the compression by the first 12 bytes of a file, or all there are.
func detect(head []byte) Compression {
	if len(head) == headerSize {
		if _, ok := headerLength(head); ok {
			return None
		}
	}
	switch {
	case len(head) >= 4 && head[0] == 0x1f && head[1] == 0x8b && head[2] == 8 && head[3]&0xe0 == 0: // RFC 1952
		return GZIP
	case len(head) >= 8 && head[0]&0x8f == 8 && head[1]&0x20 == 0 && (int(head[0])<<8|int(head[1]))%31 == 0 && // RFC 1950
		head[4]|head[5]|head[6]|head[7] != 0: // else a damaged length below 4 GB
		return ZLIB
	}
	return None
}

// uncompressed returns the file's own content.
func (c Compression) uncompressed(r io.Reader) (io.Reader, error) {
	switch c {
	case GZIP:
		return gzip.NewReader(r)
	case ZLIB:
		return zlib.NewReader(r)
	}
	return r, nil
}

// compressed returns a writer into w; closing it does not close w.
func (c Compression) compressed(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case None:
		return nopCloser{w}, nil
	case GZIP:
		return gzip.NewWriter(w), nil
	case ZLIB:
		return zlib.NewWriter(w), nil
	}
	return nil, fmt.Errorf("tfrecord: compression is %q, want %q, %q or %q", string(c), None, GZIP, ZLIB)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
