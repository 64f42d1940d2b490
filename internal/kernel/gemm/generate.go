package gemm

//go:generate go run -C ../_asm ./gemm -out ../gemm/tile_amd64.s -stubs ../gemm/stubs_amd64.go -pkg gemm

// For all kernel packages.
//go:generate go run -C ../_asm ./neon
