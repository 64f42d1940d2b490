package conv

import (
	"runtime"
	"sync"
	"weak"

	"github.com/argus-go/argus/internal/kernel/gemm"
	"github.com/argus-go/argus/internal/kernel/winograd"
)

// A table tells where the pixels lie that a shape's convolution gathers. It is
// made at first use and lives as long as somebody uses it.
type table struct {
	forward  func() *gemm.Rows // M: output pixels
	backward func() []phase
	winograd func() *winograd.Backward // in place of backward; nil: not

	winogradKernel func() *winograd.BackwardKernel // in place of forward for that gradient; nil: not
}

var tables sync.Map // Shape → weak.Pointer[table]

// tableOf returns the table of s that all convolutions of that shape share.
func tableOf(s Shape) *table {
	var key any = s
	for {
		if v, ok := tables.Load(key); ok {
			if t := v.(weak.Pointer[table]).Value(); t != nil {
				return t
			}
			tables.CompareAndDelete(key, v)
		}
		t := newTable(s)
		made := weak.Make(t)
		if _, ok := tables.LoadOrStore(key, made); !ok {
			runtime.AddCleanup(t, func(key any) { tables.CompareAndDelete(key, made) }, key)
			return t
		}
	}
}

func newTable(s Shape) *table {
	return &table{
		forward:  sync.OnceValue(func() *gemm.Rows { return forwardRows(s) }),
		backward: sync.OnceValue(func() []phase { return phases(s) }),
		winograd: sync.OnceValue(func() *winograd.Backward { return newWinogradBackward(s) }),

		winogradKernel: sync.OnceValue(func() *winograd.BackwardKernel { return newWinogradBackwardKernel(s) }),
	}
}

// forwardRows has one row per output pixel, one piece per tap; or where no
// column of the input is padding, one per row of taps.
func forwardRows(s Shape) *gemm.Rows {
	taps, ld := s.KW, s.ldx()
	if s.Left == 0 && (s.OutW-1)*s.StrideW+s.KW <= s.W && ld == s.Cin {
		taps = 1
	}
	offsets := make([]int32, 0, s.KH*taps*s.OutH*s.OutW)
	for i := range s.KH {
		for j := range taps {
			for y := range s.OutH {
				for x := range s.OutW {
					offsets = append(offsets, offset(y*s.StrideH-s.Top+i, x*s.StrideW-s.Left+j, s.H, s.W, ld))
				}
			}
		}
	}
	return gemm.NewRows(s.OutH*s.OutW, s.KH*taps, s.KW/taps*s.Cin, offsets)
}

// offset returns where pixel (y, x) lies in a picture, -1 for outside.
func offset(y, x, h, w, ld int) int32 {
	if y < 0 || y >= h || x < 0 || x >= w {
		return -1
	}
	return int32((y*w + x) * ld)
}
