package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

const metadataKey = "__metadata__"

const maxDims = 32 // of a shape; the most that NumPy 1 has

// Info is what the header says of one tensor.
type Info struct {
	Name  string
	DType DType
	Shape []int // empty for a scalar

	begin, end int64 // in the data
}

// header is a parsed header; parseHeader has checked all of it.
type header struct {
	tensors  []Info // in the order of their data
	metadata map[string]string
}

// parseHeader reads the JSON in raw and checks it against the length of the
// data that follow.
func parseHeader(raw []byte, dataSize int64) (*header, error) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, fmt.Errorf("header begins with %.1q, want \"{\"", raw)
	}
	if !utf8.Valid(raw) {
		return nil, fmt.Errorf("header is not valid UTF-8")
	}
	p := parser{json.NewDecoder(bytes.NewReader(raw))}
	p.UseNumber()
	h := new(header)
	err := p.object("header", func(key string) (err error) {
		if key == metadataKey {
			h.metadata = map[string]string{}
			return p.object(metadataKey, func(key string) (err error) {
				h.metadata[key], err = p.str(fmt.Sprintf("%s %q", metadataKey, key))
				return err
			})
		}
		t, err := p.tensor(key)
		h.tensors = append(h.tensors, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	if rest := bytes.TrimRight(raw[p.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("header goes on with %.20q after its last \"}\"", rest)
	}
	return h, h.checkLayout(dataSize)
}

// checkLayout sorts the tensors by place and wants them to fill the data.
func (h *header) checkLayout(dataSize int64) error {
	slices.SortFunc(h.tensors, func(a, b Info) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	var at int64
	for i, t := range h.tensors {
		if t.begin != at {
			what := "leaves a hole after"
			if t.begin < at {
				what = "overlaps"
			}
			before := "the start of the data"
			if i > 0 {
				before = fmt.Sprintf("tensor %q", h.tensors[i-1].Name)
			}
			return fmt.Errorf("tensor %q: data_offsets begin at %d, which %s %s ending at %d", t.Name, t.begin, what, before, at)
		}
		if t.end > dataSize {
			return fmt.Errorf("tensor %q: data_offsets end at %d, the file has %d bytes of data", t.Name, t.end, dataSize)
		}
		at = t.end
	}
	if at != dataSize {
		return fmt.Errorf("the tensors take %d bytes, the file has %d bytes of data", at, dataSize)
	}
	return nil
}

// parser reads JSON token by token, since encoding/json lets a key come twice.
type parser struct{ *json.Decoder }

// object reads an object and calls member after each key.
func (p parser) object(what string, member func(key string) error) error {
	if err := p.delim(what, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		key, err := p.str("a key of " + what)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%s: key %q comes twice", what, key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	return p.delim(what, '}')
}

// tensor reads the description of the tensor called name.
func (p parser) tensor(name string) (Info, error) {
	t := Info{Name: name, Shape: []int{}}
	what := fmt.Sprintf("tensor %q", name)
	var offsets []int64
	members := 0
	err := p.object(what, func(key string) (err error) {
		members++
		switch key {
		case "dtype":
			var s string
			s, err = p.str(what + " dtype")
			t.DType = DType(s)
		case "shape":
			err = p.numbers(what+" shape", strconv.IntSize-1, maxDims, func(n int64) { t.Shape = append(t.Shape, int(n)) })
		case "data_offsets":
			err = p.numbers(what+" data_offsets", 63, 2, func(n int64) { offsets = append(offsets, n) })
		default:
			err = fmt.Errorf("%s: unknown key %q", what, key)
		}
		return err
	})
	switch {
	case err != nil:
		return t, err
	case members != 3:
		return t, fmt.Errorf("%s: has %d of the keys dtype, shape and data_offsets, want 3", what, members)
	case len(offsets) != 2:
		return t, fmt.Errorf("%s: data_offsets has %d numbers, want 2", what, len(offsets))
	case offsets[1] < offsets[0]:
		return t, fmt.Errorf("%s: data_offsets end at %d, before their begin %d", what, offsets[1], offsets[0])
	case dtypeBits[t.DType] == 0:
		return t, fmt.Errorf("%s: unknown dtype %q", what, t.DType)
	}
	t.begin, t.end = offsets[0], offsets[1]
	n, ok := span(t.DType, t.Shape)
	if !ok {
		return t, fmt.Errorf("%s: shape %v of %s is no whole number of bytes below 2^63", what, t.Shape, t.DType)
	}
	if n != t.end-t.begin {
		return t, fmt.Errorf("%s: shape %v of %s takes %d bytes, data_offsets %v span %d", what, t.Shape, t.DType, n, offsets, t.end-t.begin)
	}
	return t, nil
}

// numbers reads an array of at most that many whole numbers from 0 to below 2^bits.
func (p parser) numbers(what string, bits, most int, add func(int64)) error {
	if err := p.delim(what, '['); err != nil {
		return err
	}
	for n := 0; p.More(); n++ {
		if n == most {
			return fmt.Errorf("%s: more than %d numbers", what, most)
		}
		token, err := p.token()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		number, _ := token.(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, bits)
		if err != nil {
			return fmt.Errorf("%s: %v is not a whole number from 0 to 2^%d", what, token, bits)
		}
		add(int64(n))
	}
	return p.delim(what, ']')
}

func (p parser) str(what string) (string, error) {
	token, err := p.token()
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("%s: found %v, want a string", what, token)
	}
	return s, nil
}

func (p parser) delim(what string, want json.Delim) error {
	token, err := p.token()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if token != want {
		return fmt.Errorf("%s: found %v, want %v", what, token, want)
	}
	return nil
}

// token is Decoder.Token, where the end of the header is always too early.
func (p parser) token() (json.Token, error) {
	token, err := p.Token()
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return token, err
}
