package clean

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argus-go/argus/internal/fileops"
	"github.com/argus-go/argus/internal/picture"
)

// make writes the file that is to stand in e's place to a temporary name.
func (f *folder) make(e *Entry, info fs.FileInfo, limits Limits, temp string, taken map[string]bool) error {
	if !info.Mode().IsRegular() {
		return errors.New("is a link: nothing is made in its place")
	}
	if err := limits.CheckBytes(info.Size()); err != nil {
		return err
	}
	data, err := f.root.ReadFile(filepath.FromSlash(e.From))
	if err != nil {
		return err
	}
	ext := ""
	if data, ext, err = convert(data, e.Kind, path.Ext(e.From), limits); err != nil {
		return err
	}
	stem := strings.TrimSuffix(e.From, path.Ext(e.From))
	e.Made = stem + ext
	for n := 2; e.Made != e.From && (taken[e.Made] || f.exists(e.Made)); n++ {
		e.Made = fmt.Sprintf("%s-%d%s", stem, n, ext)
	}
	taken[e.Made] = true
	sum := sha256.Sum256(data)
	e.MadeSHA256, e.temp = hex.EncodeToString(sum[:]), path.Join(quarantineFolder, temp)
	if err := f.sys.MkdirAll(f.at(quarantineFolder)); err != nil {
		return err
	}
	return fileops.Write(f.sys, f.at(e.temp), f.at(e.temp+".part"), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// convert makes plain RGB of a file, or leaves its bytes where just its
// extension is wrong, and says which extension belongs to it.
func convert(data []byte, kind Kind, ext string, limits Limits) ([]byte, string, error) {
	i := formatOf(data)
	if i < 0 {
		return nil, "", fmt.Errorf("is not a picture: %w", reason(data, limits))
	}
	out := i
	if kind != WrongExtension {
		m, err := picture.Decode(data, limits)
		if err != nil {
			return nil, "", err
		}
		if formats[i].name != "jpeg" {
			out = slices.IndexFunc(formats, func(f format) bool { return f.name == "png" })
		}
		if data, err = encode(m, formats[out].name); err != nil {
			return nil, "", err
		}
	}
	if !slices.Contains(formats[out].exts, strings.ToLower(ext)) {
		ext = formats[out].exts[0]
	}
	return data, ext, nil
}

// encode writes m as an RGB file.
func encode(m *picture.RGB, format string) ([]byte, error) {
	var b bytes.Buffer
	if format == "jpeg" {
		err := jpeg.Encode(&b, rgbImage(m), &jpeg.Options{Quality: 95})
		return b.Bytes(), err
	}
	err := png.Encode(&b, rgbImage(m))
	return b.Bytes(), err
}

func rgbImage(m *picture.RGB) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
	for i := range m.W * m.H {
		copy(out.Pix[4*i:], m.Pix[3*i:3*i+3])
		out.Pix[4*i+3] = 0xff
	}
	return out
}

// sha256 of the file at name, in hexadecimal.
func (f *folder) sha256(name string) (string, error) {
	file, err := f.root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
