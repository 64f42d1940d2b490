// Package npz reads the arrays that goldens made with NumPy are kept in.
// Format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
package npz

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// An Array is the content of one .npy member, in C order.
type Array struct {
	Shape []int
	Bytes []byte // little endian
	Type  string // "<f4", "|u1", …
}

// Open reads all arrays of the .npz file at path.
func Open(path string) (map[string]Array, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("npz: %w", err)
	}
	defer z.Close()
	out := map[string]Array{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("npz: %s: %w", f.Name, err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("npz: %s: %w", f.Name, err)
		}
		a, err := parse(b)
		if err != nil {
			return nil, fmt.Errorf("npz: %s: %w", f.Name, err)
		}
		out[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return out, nil
}

var header = regexp.MustCompile(`'descr': '([^']+)', 'fortran_order': False, 'shape': \(([^)]*)\)`)

func parse(b []byte) (Array, error) {
	if len(b) < 12 || string(b[:6]) != "\x93NUMPY" {
		return Array{}, fmt.Errorf("not an .npy file")
	}
	size, data := int(binary.LittleEndian.Uint16(b[8:])), 10
	if b[6] > 1 {
		size, data = int(binary.LittleEndian.Uint32(b[8:])), 12
	}
	if size > len(b)-data {
		return Array{}, fmt.Errorf("header of %d bytes in a file of %d", size, len(b))
	}
	m := header.FindStringSubmatch(string(b[data : data+size]))
	if m == nil {
		return Array{}, fmt.Errorf("header %q is not one that is read here", b[data:data+size])
	}
	a := Array{Type: m[1], Bytes: b[data+size:]}
	for _, d := range strings.Split(m[2], ",") {
		if d = strings.TrimSpace(d); d != "" {
			n, err := strconv.Atoi(d)
			if err != nil {
				return Array{}, err
			}
			a.Shape = append(a.Shape, n)
		}
	}
	return a, nil
}

// Float32 gives the values of a "<f4" array.
func (a Array) Float32() ([]float32, error) {
	if a.Type != "<f4" || len(a.Bytes)%4 != 0 {
		return nil, fmt.Errorf("npz: an array of type %s and %d bytes is not float32", a.Type, len(a.Bytes))
	}
	out := make([]float32, len(a.Bytes)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(a.Bytes[4*i:]))
	}
	return out, nil
}
