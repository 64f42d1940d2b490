package main

import (
	"embed"
	"fmt"
	"image"
	"image/png"
	"os"
	"path"
	"path/filepath"
)

// embedded holds the photographs; where they come from is in photos/SOURCES.md.
//
//go:embed photos/*.png
var embedded embed.FS

// materials are the classes, and the names of their photographs.
var materials = []string{"brick", "grass", "gravel"}

// A photograph of 512×512 pixels is cut into 8 columns and 8 rows of tiles that
// do not overlap. Tiles side by side resemble each other, so the splits are
// regions: a column of val lies between train and test.
//
//	column   0 1 2 3   4     5 6 7
//	split    train     val   test
//	tiles    32        8     24
const tileSize = 64

var splitOfColumn = []string{"train", "train", "train", "train", "val", "test", "test", "test"}

// writeTiles writes {train,val,test}/<material>/tile-<column>-<row>.png.
func writeTiles(dir string) error {
	for _, material := range materials {
		photo, err := openPhoto(material)
		if err != nil {
			return err
		}
		for column, split := range splitOfColumn {
			folder := filepath.Join(dir, split, material)
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
			for row := range photo.Bounds().Dy() / tileSize {
				name := filepath.Join(folder, fmt.Sprintf("tile-%d-%d.png", column, row))
				if err := writePNG(name, tile(photo, column, row)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func openPhoto(name string) (image.Image, error) {
	f, err := embedded.Open(path.Join("photos", name+".png"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return png.Decode(f)
}

func tile(photo image.Image, column, row int) image.Image {
	at := image.Pt(column, row).Mul(tileSize)
	r := image.Rectangle{Min: at, Max: at.Add(image.Pt(tileSize, tileSize))}
	return photo.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(r)
}

func writePNG(name string, img image.Image) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := png.Encode(f, img); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
