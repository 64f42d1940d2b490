package augment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/argus-go/argus/augment"
)

func Example() {
	text := `{"steps": [
		{"op": "crop", "min": 0.8, "max": 1},
		{"op": "rotate", "p": 0.5, "degrees": 15},
		{"op": "trivial_augment"}
	], "fill": "reflect"}`
	var a augment.Augmentor
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		log.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, 640, 480)) // a photograph
	out, err := a.Apply(img, augment.Key{Epoch: 3})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Bounds())
	// Output: (0,0)-(640,480)
}

// A contact sheet shows what a pipeline does, before hours are spent on it.
func ExampleAugmentor_Preview() {
	photo := image.NewGray(image.Rect(0, 0, 400, 300))
	sheet, err := augment.Default().Preview(context.Background(), photo, augment.PreviewOptions{Cols: 5, Rows: 3})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sheet")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "sheet.png"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, sheet); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sheet.Bounds().Size())
	// Output: (1144,520)
}
