//go:build !purego

package pool

import "github.com/argus-go/argus/internal/cpu"

//go:generate go run -C ../_asm ./pool -pkg pool -out ../pool/pool_amd64.s -stubs ../pool/pool_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", table(maxAVX2, avgAVX2, maxBackAVX2, spreadAVX2)}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", table(maxAVX512, avgAVX512, maxBackAVX512, spreadAVX512)}}, all...)
	}
	return all
}
