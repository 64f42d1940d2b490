// Command data measures decoding, resizing and augmentation in pictures a second
// of one core. It is run beside other libraries by run.py, which asks for a row by
// name on a line and reads pictures and seconds.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/argus-go/argus/augment"
	"github.com/argus-go/argus/internal/kernel/resize"
	"github.com/argus-go/argus/internal/picture"
)

func main() {
	log.SetFlags(0)
	runtime.GOMAXPROCS(1)
	if len(os.Args) != 3 {
		log.Fatal("usage: data large.jpg small.jpg")
	}
	large, small := read(os.Args[1]), read(os.Args[2])
	rows := map[string]func(int) error{
		"decode+resize 1500x1000": decode(large),
		"decode+resize 400x533":   decode(small),
	}
	square, err := load(small)
	if err != nil {
		log.Fatal(err)
	}
	for name, steps := range augmentors {
		a := augment.Augmentor{Seed: 1, Fill: augment.Reflect}
		for _, op := range steps {
			a.Steps = append(a.Steps, augment.Step{Op: op})
		}
		rows[name] = func(i int) error {
			p, err := a.ApplyRGB(square, augment.Key{Epoch: i})
			if p != nil && p != square {
				p.Free()
			}
			return err
		}
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		name, seconds, _ := strings.Cut(in.Text(), "\t")
		limit, err := strconv.ParseFloat(seconds, 64)
		row := rows[name]
		if row == nil || err != nil {
			fmt.Println("0 0")
			continue
		}
		n, took := 0, 0.0
		for start := cpu(); took < limit; took = cpu() - start {
			if err := row(n); err != nil {
				log.Fatal(err)
			}
			n++
		}
		fmt.Println(n, took)
	}
}

var augmentors = map[string][]augment.Op{
	"flip":            {augment.FlipLeftRight{}},
	"crop":            {augment.Crop{Min: .7, Max: 1, Stretch: 1.15}},
	"rotate":          {augment.Rotate{Degrees: 10, Corners: true}},
	"affine":          {augment.Rotate{Degrees: 10, Corners: true}, augment.Shift{}, augment.Shear{}, augment.Zoom{}},
	"perspective":     {augment.Perspective{}},
	"grid distortion": {augment.GridDistortion{}},
	"elastic":         {augment.Elastic{}},
	"erase":           {augment.Erase{}},
	"brightness":      {augment.Brightness{}},
	"contrast":        {augment.Contrast{}},
	"saturation":      {augment.Saturation{}},
	"hue":             {augment.Hue{}},
	"gamma":           {augment.Gamma{}},
	"grey":            {augment.Grey{}},
	"posterize":       {augment.Posterize{}},
	"solarize":        {augment.Solarize{}},
	"autocontrast":    {augment.AutoContrast{}},
	"equalize":        {augment.Equalize{}},
	"blur":            {augment.Blur{Min: 1, Max: 1}},
	"sharpen":         {augment.Sharpen{}},
	"noise":           {augment.Noise{}},
	"jpeg":            {augment.JPEG{}},
	"randaugment":     {augment.RandAugment{}},
	"trivialaugment":  {augment.TrivialAugment{}},
	"chain light":     {augment.Crop{Min: .7, Max: 1, Stretch: 1.15}, augment.FlipLeftRight{}},
	"chain usual": {augment.Crop{Min: .7, Max: 1, Stretch: 1.15}, augment.FlipLeftRight{}, augment.Rotate{Degrees: 10, Corners: true},
		augment.Brightness{}, augment.Contrast{}, augment.Saturation{}},
	"chain heavy": {augment.Rotate{Degrees: 10, Corners: true}, augment.Shift{}, augment.Shear{}, augment.Zoom{}, augment.Elastic{},
		augment.Brightness{}, augment.Contrast{}, augment.Blur{Min: 1, Max: 1}, augment.Erase{}},
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	return data
}

func decode(data []byte) func(int) error {
	return func(int) error {
		p, err := load(data)
		if err == nil {
			p.Free()
		}
		return err
	}
}

// load is how Fit reads a picture, with Preprocess.FastJPEG.
func load(data []byte) (*augment.RGB, error) {
	const size = 224
	p, err := picture.DecodeAtLeast(data, size, size, picture.Limits{})
	if err != nil {
		return nil, err
	}
	out := picture.Blank(size, size)
	resize.Part(resize.Image{Pix: out.Pix, W: size, H: size, Stride: 3 * size}, resize.Image{Pix: p.Pix, W: p.W, H: p.H, Stride: 3 * p.W}, p.Box(), resize.Bilinear)
	p.Free()
	return out, nil
}
