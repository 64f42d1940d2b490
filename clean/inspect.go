package clean

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/argus-go/argus/internal/picture"
)

// seen is what Check keeps of a file: 4 kB with its thumb, else less than one.
type seen struct {
	Picture
	link   bool
	other  bool // no picture, and does not claim to be one
	faults []Fault
	hash   [sha256.Size]byte // of the bytes; zero if they could not be read
	pixels [sha256.Size]byte // of size and upright pixels; zero if not decoded
	print  *imprint          // nil if not decoded, or if it shows too little
}

func (s *seen) fault(kind Kind, format string, args ...any) {
	s.faults = append(s.faults, Fault{Path: s.Path, Kind: kind, Detail: fmt.Sprintf(format, args...)})
}

// inspect reads and decodes one file.
func (c *checker) inspect(f file) (s seen) {
	s = seen{Picture: Picture{Path: f.path, Class: f.class, Split: f.split}, link: f.link}
	data, err := c.read(f.path)
	if err != nil {
		s.other = !picture.IsName(f.path)
		if !s.other {
			s.fault(Unreadable, "%v", err)
		}
		return s
	}
	s.Bytes = int64(len(data))
	s.hash = sha256.Sum256(data)
	s.SHA256 = hex.EncodeToString(s.hash[:])
	i := formatOf(data)
	if i < 0 {
		s.other = !picture.IsName(f.path)
		if !s.other {
			s.fault(NotPicture, "%v", reason(data, c.Limits))
		}
		return s
	}
	format := formats[i]
	s.Format = format.name
	if ext := strings.ToLower(path.Ext(f.path)); !slices.Contains(format.exts, ext) {
		s.fault(WrongExtension, "is %s, want %s", format.name, format.exts[0])
	}
	h := format.read(data)
	for _, kind := range h.kinds() {
		detail := format.name
		if kind == Animated {
			detail = fmt.Sprintf("%s of %d frames", format.name, h.frames)
		}
		s.fault(kind, "%s", detail)
	}
	if info, err := picture.Inspect(data, c.Limits); err == nil {
		s.Profile = info.Profile
	}
	c.decode(&s, data)
	return s
}

// read reads a file no longer than the limits allow. A file that is no picture
// by name is read whole only if it is one by content.
func (c *checker) read(name string) ([]byte, error) {
	f, err := c.fsys.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("is not a regular file: %v", info.Mode().Type())
	}
	var r io.Reader = f
	if !picture.IsName(name) {
		start := make([]byte, longestMagic)
		n, err := io.ReadFull(f, start)
		if err != nil || formatOf(start) < 0 {
			return nil, errors.New("is no picture")
		}
		r = io.MultiReader(strings.NewReader(string(start[:n])), f)
	}
	if err := c.Limits.CheckBytes(info.Size()); err != nil {
		return nil, err
	}
	data, err := picture.Read(r, c.Limits)
	return data, cause(err)
}

// cause is an error without the path, which stands beside it already.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// reason is why data cannot be decoded.
func reason(data []byte, l Limits) error {
	_, err := picture.Pixels(data, l)
	var e *picture.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// decode looks at the pixels.
func (c *checker) decode(s *seen, data []byte) {
	err := c.withPixels(data, func(m *picture.RGB) {
		s.Width, s.Height = m.W, m.H
		s.pixels = pixelHash(m)
		p := luma(m, lookSide)
		c.judge(s, p, colourful(m))
		if !s.has(Blank) {
			s.print = imprintOf(p)
		}
	})
	if err != nil {
		s.fault(Unreadable, "%v", err)
	}
}

// withPixels calls use with the decoded picture. Big ones are in memory one at a
// time.
func (c *checker) withPixels(data []byte, use func(m *picture.RGB)) error {
	const big = 16_000_000
	n, err := picture.Pixels(data, c.Limits)
	if err != nil {
		return err
	}
	if n > big {
		c.big.Lock()
		defer c.big.Unlock()
	}
	m, err := picture.Decode(data, c.Limits)
	if err == nil {
		use(m)
	}
	return err
}

// pixelHash is of size and pixels.
func pixelHash(m *picture.RGB) (sum [sha256.Size]byte) {
	h := sha256.New()
	_ = binary.Write(h, binary.LittleEndian, [2]uint64{uint64(m.W), uint64(m.H)})
	h.Write(m.Pix)
	h.Sum(sum[:0])
	return sum
}

func (s *seen) has(kind Kind) bool {
	return slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == kind })
}

// lookSide is the longer side, in pixels, of the grey picture that is judged:
// about what a network sees.
const lookSide = 256

// judge looks for pictures that are of little use.
func (c *checker) judge(s *seen, p plane, colourful bool) {
	short, long := min(s.Width, s.Height), max(s.Width, s.Height)
	if c.MinSide > 0 && short < c.MinSide {
		s.fault(TooSmall, "is %d×%d, want %d or more", s.Width, s.Height, c.MinSide)
	}
	if aspect := float64(long) / float64(short); c.MaxAspect > 0 && aspect > c.MaxAspect {
		s.fault(OddAspect, "is %d×%d, %.1f to 1", s.Width, s.Height, aspect)
	}
	const even = 3 // grey values
	if _, sd := moments(p.v); sd < even && !colourful {
		s.fault(Blank, "grey values vary by %.1f", sd)
		return
	}
	if bright := p.quantile(.95); c.Dark > 0 && bright < c.Dark {
		s.fault(Dark, "95 %% is darker than %.0f of 255", bright)
	}
	if ratio, ok := p.sharpness(); ok && ratio < c.Blur {
		s.fault(Blurred, "sharpness is %.2f, want %.2f", ratio, c.Blur)
	}
}

// colourful says whether a picture of even grey shows something by colour.
func colourful(m *picture.RGB) bool {
	var v [2][]float32
	step := max(1, m.W*m.H/4096)
	for i := 0; i < m.W*m.H; i += step {
		r, g, b := m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2]
		v[0] = append(v[0], float32(r)-float32(g))
		v[1] = append(v[1], float32(b)-float32(g))
	}
	for _, channel := range v {
		if _, sd := moments(channel); sd > 6 {
			return true
		}
	}
	return false
}

// quantile is the grey value, to half a one, that the part q of p is darker than.
func (p plane) quantile(q float64) float64 {
	var count [512]int
	for _, v := range p.v {
		count[min(511, int(2*v))]++
	}
	left := int(q * float64(len(p.v)))
	for i, n := range count {
		if left -= n; left < 0 {
			return float64(i) / 2
		}
	}
	return 255
}

// sharpness is the ratio of detail between 1 and 2 pixels wide to that between 2
// and 4. There is none in a picture without detail.
func (p plane) sharpness() (ratio float64, ok bool) {
	a := p.smooth()
	b := a.smooth().smooth().smooth()
	var fine, coarse float64
	for i, v := range a.v {
		d, e := float64(p.v[i]-v), float64(v-b.v[i])
		fine += d * d
		coarse += e * e
	}
	if coarse < float64(len(p.v))*.01 {
		return 0, false
	}
	return math.Sqrt(fine / coarse), true
}
