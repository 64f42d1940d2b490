//go:build !purego

package act

import "github.com/argus-go/argus/internal/cpu"

//go:generate go run -C ../_asm ./act -pkg act -out ../act/act_amd64.s -stubs ../act/act_stub_amd64.go

// implementations lists what this machine has, best first.
func implementations() []implementation {
	all := []implementation{{"portable", portable}}
	if cpu.Has(cpu.AVX2) {
		all = append([]implementation{{"avx2", kernels{
			relu: unary(reluAVX2), relu6: unary(relu6AVX2), exp: unary(expAVX2),
			sigmoid: unary(sigmoidAVX2), tanh: unary(tanhAVX2), swishRows: strips(swishAVX2),
			reluBack: binary(reluBackAVX2), relu6Back: binary(relu6BackAVX2), sigmoidBack: binary(sigmoidBackAVX2),
			swishBack: binary(swishBackAVX2), tanhBack: binary(tanhBackAVX2),
		}}}, all...)
	}
	if cpu.Has(cpu.AVX512) {
		all = append([]implementation{{"avx512", kernels{
			relu: unary(reluAVX512), relu6: unary(relu6AVX512), exp: unary(expAVX512),
			sigmoid: unary(sigmoidAVX512), tanh: unary(tanhAVX512), swishRows: strips(swishAVX512),
			reluBack: binary(reluBackAVX512), relu6Back: binary(relu6BackAVX512), sigmoidBack: binary(sigmoidBackAVX512),
			swishBack: binary(swishBackAVX512), tanhBack: binary(tanhBackAVX512),
		}}}, all...)
	}
	return all
}
