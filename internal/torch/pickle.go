package torch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// What a pickle makes, beside nil, bool, int64, float64, string and []byte.
type (
	mark   struct{}
	global struct{ module, name string }
	tuple  []any
	list   struct{ items []any }
	dict   struct{ keys, values []any } // in the order of the file
	long   []byte                       // a whole number of more than eight bytes, little-endian
)

// String is the name as Python has it.
func (g global) String() string { return g.module + "." + g.name }

// Limits of a pickle. A state_dict of a thousand tensors takes 100 KB and 40,000
// instructions.
const (
	maxPickle = 32 << 20 // bytes
	maxSteps  = 1 << 20
)

// machine runs one pickle after the other from r.
type machine struct {
	r     *bufio.Reader
	at    int64 // bytes read so far
	size  int64 // of what r reads
	steps int
	stack []any
	memo  map[uint64]any

	storages map[string]*storage // all that were asked for, by key
}

func newMachine(r io.Reader, size int64) *machine {
	return &machine{r: bufio.NewReaderSize(r, 1<<16), size: min(size, maxPickle), storages: map[string]*storage{}}
}

// run reads a pickle to its end and returns its value.
func (m *machine) run() (any, error) {
	m.stack, m.memo = m.stack[:0], map[uint64]any{}
	for {
		start := m.at
		code, err := m.byte()
		if err != nil {
			return nil, fmt.Errorf("pickle, byte %d: %w", start, err)
		}
		if m.steps++; m.steps > maxSteps {
			return nil, fmt.Errorf("pickle, byte %d: more than %d instructions", start, maxSteps)
		}
		if code == '.' {
			v, err := m.pop()
			if err == nil && len(m.stack) > 0 {
				err = fmt.Errorf("ends with %d values left over", len(m.stack))
			}
			if err != nil {
				return nil, fmt.Errorf("pickle, byte %d: STOP: %w", start, err)
			}
			return v, nil
		}
		o, ok := opcodes[code]
		if !ok {
			return nil, fmt.Errorf("pickle, byte %d: %#02x is no instruction", start, code)
		}
		if o.run == nil {
			return nil, fmt.Errorf("pickle, byte %d: instruction %s is not allowed", start, o.name)
		}
		if err := o.run(m); err != nil {
			return nil, fmt.Errorf("pickle, byte %d: %s: %w", start, o.name, err)
		}
	}
}

var errShort = errors.New("the stack is too short")

func (m *machine) push(v any) { m.stack = append(m.stack, v) }

// pop takes the last value, which must not be a mark.
func (m *machine) pop() (any, error) {
	n := len(m.stack) - 1
	if n < 0 {
		return nil, errShort
	}
	v := m.stack[n]
	if v == (mark{}) {
		return nil, errors.New("found a mark, want a value")
	}
	m.stack = m.stack[:n]
	return v, nil
}

// top is the last value, left in place.
func (m *machine) top() (any, error) {
	v, err := m.pop()
	if err == nil {
		m.push(v)
	}
	return v, err
}

// popMark takes what lies above the last mark, and the mark.
func (m *machine) popMark() ([]any, error) {
	for i := len(m.stack) - 1; i >= 0; i-- {
		if m.stack[i] == (mark{}) {
			items := append([]any(nil), m.stack[i+1:]...)
			m.stack = m.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no mark")
}

func (m *machine) byte() (byte, error) {
	b, err := m.bytes(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// bytes reads the next n, which are there before memory is taken for them.
func (m *machine) bytes(n uint64) ([]byte, error) {
	if n > uint64(m.size-m.at) {
		return nil, fmt.Errorf("wants %d bytes, there are %d: %w", n, m.size-m.at, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	got, err := io.ReadFull(m.r, b)
	m.at += int64(got)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// number reads a little-endian number of width bytes.
func (m *machine) number(width int) (uint64, error) {
	b, err := m.bytes(uint64(width))
	if err != nil {
		return 0, err
	}
	var full [8]byte
	copy(full[:], b)
	return binary.LittleEndian.Uint64(full[:]), nil
}

// line reads to the next line feed.
func (m *machine) line() (string, error) {
	const longest = 1 << 12
	var b strings.Builder
	for {
		c, err := m.byte()
		if err != nil || c == '\n' {
			return b.String(), err
		}
		if b.Len() == longest {
			return "", fmt.Errorf("a line is longer than %d bytes", longest)
		}
		b.WriteByte(c)
	}
}

// opcode is an instruction; run is nil where it is refused.
type opcode struct {
	name string
	run  func(*machine) error
}

var opcodes map[byte]opcode

func init() { // refers to itself by way of machine.run otherwise
	opcodes = map[byte]opcode{
		0x80: {"PROTO", skip(1)},
		0x95: {"FRAME", skip(8)},
		'(':  {"MARK", constant(mark{})},
		'0':  {"POP", func(m *machine) error { _, err := m.pop(); return err }},
		'1':  {"POP_MARK", func(m *machine) error { _, err := m.popMark(); return err }},

		'N':  {"NONE", constant(nil)},
		0x88: {"NEWTRUE", constant(true)},
		0x89: {"NEWFALSE", constant(false)},
		'I':  {"INT", decimal},
		'J':  {"BININT", integer(4, true)},
		'K':  {"BININT1", integer(1, false)},
		'M':  {"BININT2", integer(2, false)},
		'L':  {"LONG", decimal},
		0x8a: {"LONG1", bigInteger(1)},
		0x8b: {"LONG4", bigInteger(4)},
		'F':  {"FLOAT", nil},
		'G':  {"BINFLOAT", float},

		'S':  {"STRING", nil},
		'T':  {"BINSTRING", text(4)},
		'U':  {"SHORT_BINSTRING", text(1)},
		'V':  {"UNICODE", nil},
		'X':  {"BINUNICODE", text(4)},
		0x8c: {"SHORT_BINUNICODE", text(1)},
		0x8d: {"BINUNICODE8", text(8)},
		'B':  {"BINBYTES", binaryBytes(4)},
		'C':  {"SHORT_BINBYTES", binaryBytes(1)},
		0x8e: {"BINBYTES8", binaryBytes(8)},
		0x96: {"BYTEARRAY8", nil},
		0x97: {"NEXT_BUFFER", nil},
		0x98: {"READONLY_BUFFER", nil},

		')':  {"EMPTY_TUPLE", constant(tuple(nil))},
		't':  {"TUPLE", func(m *machine) error { v, err := m.popMark(); m.push(tuple(v)); return err }},
		0x85: {"TUPLE1", tupleOf(1)},
		0x86: {"TUPLE2", tupleOf(2)},
		0x87: {"TUPLE3", tupleOf(3)},
		']':  {"EMPTY_LIST", func(m *machine) error { m.push(new(list)); return nil }},
		'l':  {"LIST", func(m *machine) error { v, err := m.popMark(); m.push(&list{v}); return err }},
		'a':  {"APPEND", func(m *machine) error { v, err := m.pop(); return m.extend([]any{v}, err) }},
		'e':  {"APPENDS", func(m *machine) error { v, err := m.popMark(); return m.extend(v, err) }},
		'}':  {"EMPTY_DICT", func(m *machine) error { m.push(new(dict)); return nil }},
		'd':  {"DICT", func(m *machine) error { v, err := m.popMark(); m.push(new(dict)); return m.set(v, err) }},
		's':  {"SETITEM", setItem},
		'u':  {"SETITEMS", func(m *machine) error { v, err := m.popMark(); return m.set(v, err) }},
		0x8f: {"EMPTY_SET", nil},
		0x90: {"ADDITEMS", nil},
		0x91: {"FROZENSET", nil},

		'2':  {"DUP", nil},
		'p':  {"PUT", nil},
		'q':  {"BINPUT", put(1)},
		'r':  {"LONG_BINPUT", put(4)},
		0x94: {"MEMOIZE", func(m *machine) error { return m.remember(uint64(len(m.memo))) }},
		'g':  {"GET", nil},
		'h':  {"BINGET", get(1)},
		'j':  {"LONG_BINGET", get(4)},

		'c':  {"GLOBAL", globalOf},
		0x93: {"STACK_GLOBAL", stackGlobal},
		'R':  {"REDUCE", reduce},
		'b':  {"BUILD", build},
		'i':  {"INST", func(m *machine) error { return errors.Join(globalOf(m), errors.New("is not allowed")) }},
		'o':  {"OBJ", nil},
		0x81: {"NEWOBJ", nil},
		0x92: {"NEWOBJ_EX", nil},
		0x82: {"EXT1", nil},
		0x83: {"EXT2", nil},
		0x84: {"EXT4", nil},
		'P':  {"PERSID", nil},
		'Q':  {"BINPERSID", persistent},
	}
}

func skip(n uint64) func(*machine) error {
	return func(m *machine) error { _, err := m.bytes(n); return err }
}

func constant(v any) func(*machine) error {
	return func(m *machine) error { m.push(v); return nil }
}

func integer(width int, signed bool) func(*machine) error {
	return func(m *machine) error {
		n, err := m.number(width)
		if signed {
			n = uint64(int64(int32(n)))
		}
		m.push(int64(n))
		return err
	}
}

// decimal reads a number that is written out, as protocol 0 and 1 do.
func decimal(m *machine) error {
	s, err := m.line()
	if err != nil {
		return err
	}
	switch s {
	case "00", "01":
		m.push(s == "01")
		return nil
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(s, "L"), 10, 64)
	m.push(n)
	return err
}

// bigInteger reads a length of width bytes and that many bytes of a number.
func bigInteger(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.number(width)
		if err != nil {
			return err
		}
		b, err := m.bytes(n)
		if err != nil || n > 8 {
			m.push(long(b))
			return err
		}
		var full [8]byte
		copy(full[:], b)
		if n > 0 && b[n-1] >= 0x80 {
			for i := n; i < 8; i++ {
				full[i] = 0xff
			}
		}
		m.push(int64(binary.LittleEndian.Uint64(full[:])))
		return nil
	}
}

func float(m *machine) error {
	b, err := m.bytes(8)
	if err == nil {
		m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	return err
}

func text(width int) func(*machine) error {
	return func(m *machine) error {
		b, err := m.sized(width)
		m.push(string(b))
		return err
	}
}

func binaryBytes(width int) func(*machine) error {
	return func(m *machine) error {
		b, err := m.sized(width)
		m.push(b)
		return err
	}
}

// sized reads a length of width bytes and that many bytes.
func (m *machine) sized(width int) ([]byte, error) {
	n, err := m.number(width)
	if err != nil {
		return nil, err
	}
	return m.bytes(n)
}

func tupleOf(n int) func(*machine) error {
	return func(m *machine) error {
		v := make(tuple, n)
		for i := n - 1; i >= 0; i-- {
			var err error
			if v[i], err = m.pop(); err != nil {
				return err
			}
		}
		m.push(v)
		return nil
	}
}

// extend appends to the list on top.
func (m *machine) extend(items []any, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	l, ok := v.(*list)
	if !ok {
		return fmt.Errorf("found %s, want a list", kind(v))
	}
	l.items = append(l.items, items...)
	return nil
}

func setItem(m *machine) error {
	value, err := m.pop()
	if err != nil {
		return err
	}
	key, err := m.pop()
	return m.set([]any{key, value}, err)
}

// set puts key, value, key, value … into the dictionary on top.
func (m *machine) set(items []any, err error) error {
	if err != nil {
		return err
	}
	v, err := m.top()
	if err != nil {
		return err
	}
	d, ok := v.(*dict)
	if !ok {
		return fmt.Errorf("found %s, want a dictionary", kind(v))
	}
	if len(items)%2 != 0 {
		return errors.New("a key has no value")
	}
	for i := 0; i < len(items); i += 2 {
		d.keys, d.values = append(d.keys, items[i]), append(d.values, items[i+1])
	}
	return nil
}

func put(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.number(width)
		if err != nil {
			return err
		}
		return m.remember(n)
	}
}

func (m *machine) remember(n uint64) error {
	v, err := m.top()
	m.memo[n] = v
	return err
}

func get(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.number(width)
		if err != nil {
			return err
		}
		v, ok := m.memo[n]
		if !ok {
			return fmt.Errorf("nothing was put under %d", n)
		}
		m.push(v)
		return nil
	}
}

// kind names v in errors.
func kind(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case global:
		return v.String()
	case *list:
		return "a list"
	case *dict:
		return "a dictionary"
	case tuple:
		return "a tuple"
	case *view:
		return "a tensor"
	case *storage:
		return "a storage"
	case string:
		return fmt.Sprintf("%.40q", v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	}
	return "a row of bytes"
}
