// Package tfrecord reads and writes TFRecord files, TensorFlow's format for
// sequences of records, and sets of pictures in them, without TensorFlow.
//
// A file is a sequence of records:
//
//	8  length of the data, n        all numbers little-endian
//	4  masked CRC-32C of the length
//	n  data
//	4  masked CRC-32C of the data
//
// where mask(c) = (c rotated right by 15) + 0xa282ead8; the whole may be
// compressed as one gzip or zlib stream (tensorflow/core/lib/io/record_writer.h).
// The data is mostly a tf.train.Example (tensorflow/core/example/example.proto).
//
// Reader and Writer are for single files of any records. WriteImages makes a set
// of shards from labelled pictures, OpenSet reads such a set and those of other
// programs, Verify checks one, Salvage takes what is readable from a damaged file and
// Split moves a part of a set from training to validation.
package tfrecord
