package clean_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"

	"github.com/argus-go/argus/clean"
)

// A folder is looked over, what is wrong is moved aside, and back.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "photos")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	put(dir, "train/cat/1.png", stripes(1))
	put(dir, "train/cat/2.png", stripes(2))
	put(dir, "train/cat/page.jpg", []byte("<html>not found</html>"))
	put(dir, "test/cat/3.png", stripes(2))

	report, err := clean.Check(ctx, dir, clean.Options{})
	if err != nil {
		panic(err)
	}
	for _, f := range report.Faults {
		fmt.Printf("%s: %s\n", f.Path, f.Kind)
	}
	moved, err := clean.Quarantine(ctx, dir, report.Plan(), clean.Limits{})
	if err != nil {
		panic(err)
	}
	for _, e := range moved {
		fmt.Println(e.To)
	}
	back, err := clean.Restore(ctx, dir)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(back), "are back")
	// Output:
	// train/cat/2.png: leak
	// train/cat/page.jpg: not a picture
	// quarantine/leak/train/cat/2.png
	// quarantine/not-a-picture/train/cat/page.jpg
	// 2 are back
}

func put(dir, name string, data []byte) {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		panic(err)
	}
	if err := os.WriteFile(path, data, 0o666); err != nil {
		panic(err)
	}
}

// stripes is a PNG of crossing stripes, others for each n.
func stripes(n int) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 120, 90))
	for y := range 90 {
		for x := range 120 {
			m.SetRGBA(x, y, color.RGBA{uint8(x * x * n / 20), uint8(y * y / n), uint8(x * y * n / 9), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}
