// Package half converts between float32 and IEEE 754 binary16 (1 sign bit, 5
// of exponent with bias 15, 10 of fraction), the form in which weights lie in
// files.
package half

import (
	"encoding/binary"
	"math"
)

// Masks and exponents as they stand in the bits of a float32, where not said otherwise.
const (
	absFloat    = 0x7fffffff       // all but the sign
	expFloat    = 0xff << 23       // the exponent of infinities and NaNs
	rebias      = (127 - 15) << 23 // the difference of the two exponents' biases
	minNormal   = (127 - 14) << 23 // 2^-14, the smallest normal half
	pastMax     = (127 + 16) << 23 // 2^16; from 65520 on rounding gives infinity
	oneHalf     = 126 << 23        // 0.5, whose last place is 2^-24, a half's smallest step
	dropped     = 13               // fraction bits that a half lacks
	droppedMask = 1<<dropped - 1
	signShift   = 16 // from a half's sign to a float32's

	absHalf  = 0x7fff // of a half: all but the sign
	infHalf  = 0x7c00 // of a half: infinity
	smallest = 1.0 / (1 << 24)
)

// FromFloat32 rounds f to the nearest half, ties to even. What lies beyond
// ±65504 by half a step or more becomes infinite; a NaN stays a NaN and keeps
// the upper ten bits of its fraction.
func FromFloat32(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>signShift) &^ absHalf
	b &= absFloat
	switch {
	case b > expFloat: // NaN; one whose upper bits are all zero must not turn into infinity
		fraction := uint16(b>>dropped) & 0x3ff
		if fraction == 0 {
			fraction = 0x200
		}
		return sign | infHalf | fraction
	case b >= pastMax:
		return sign | infHalf
	case b < minNormal: // the float adder rounds to 2^-24 for us
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-oneHalf)
	}
	b += droppedMask>>1 + b>>dropped&1 // a carry into the exponent is right, up to infinity
	return sign | uint16((b-rebias)>>dropped)
}

// ToFloat32 returns the value of h; every half has one.
func ToFloat32(h uint16) float32 {
	sign := uint32(h&^absHalf) << signShift
	h &= absHalf
	bits := uint32(h) << dropped
	switch {
	case h >= infHalf:
		return math.Float32frombits(sign | expFloat | bits)
	case h < 1<<10:
		return math.Float32frombits(sign | math.Float32bits(float32(h)*smallest))
	}
	return math.Float32frombits(sign | (bits + rebias))
}

// Encode writes src to dst as little-endian halves, rounded as FromFloat32
// does; dst has at least 2·len(src) bytes.
func Encode(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for _, f := range src {
		binary.LittleEndian.PutUint16(dst, FromFloat32(f))
		dst = dst[2:]
	}
}

// Decode fills dst from the little-endian halves in src, which has at least
// 2·len(dst) bytes.
func Decode(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = ToFloat32(binary.LittleEndian.Uint16(src))
		src = src[2:]
	}
}

// Exact reports whether every value of v, NaNs' bits included, is the same
// after a round trip through a half.
func Exact(v []float32) bool {
	for _, f := range v {
		b := math.Float32bits(f)
		if b&droppedMask != 0 {
			if b&absFloat >= minNormal { // a subnormal half has its bits lower
				return false
			}
		} else if abs := b & absFloat; abs >= minNormal && abs < pastMax {
			continue
		}
		if math.Float32bits(ToFloat32(FromFloat32(f))) != b {
			return false
		}
	}
	return true
}
