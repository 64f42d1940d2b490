package tfrecord_test

import (
	"bytes"
	"fmt"

	"github.com/argus-go/argus/tfrecord"
)

func ExampleSalvage() {
	var file bytes.Buffer
	w, err := tfrecord.NewWriter(&file, tfrecord.WriterOptions{})
	if err != nil {
		panic(err)
	}
	for _, record := range []string{"first", "second", "third"} {
		if err := w.Write([]byte(record)); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	file.Bytes()[35] ^= 1 // a bit of the second record

	damage, err := tfrecord.Salvage(&file, tfrecord.ReaderOptions{Shard: "00-3.tfrec"}, func(offset int64, data []byte) error {
		fmt.Printf("%d: %s\n", offset, data)
		return nil
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(damage[0].Offset, damage[0].Length)
	// Output:
	// 0: first
	// 43: third
	// 21 22
}
