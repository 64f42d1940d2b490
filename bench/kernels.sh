#!/bin/sh
# kernels.sh BENCHSTAT FOLDER: a few benchmarks of each kernel on one core, in portable
# Go and with assembly, taken in turns into FOLDER, and what benchstat says of the two.
set -e
benchstat=$1 out=$2 count=${COUNT:-6} time=${BENCHTIME:-50ms}
rm -rf "$out" && mkdir -p "$out"
kernels='
gemm Mul/AB/(256|32)x
conv Layer/InceptionV3/(35x35x96_3x3_1_96|17x17x192_1x7_1_192|17x17x768_1x1_1_192|8x8x448_3x3_1_384)/
conv Layer/ResNet50/(56x56x64_1x1_1_256|14x14x256_3x3_1_256)/forward
depthwise Depthwise/(112x112x96|14x14x672)/./.
act Forward
norm Norm
pool Pool
vec Vec
optim Adam
resize RGB/./400x533
'
pick() { echo "$kernels" | grep .; }
pick | while read -r package _; do
	for kind in portable assembly; do
		tags=; [ $kind = assembly ] || tags='-tags purego'
		# shellcheck disable=SC2086
		[ -x "$out/$package.$kind" ] || go test -c $tags -o "$out/$package.$kind" "./internal/kernel/$package"
	done
done
for _ in $(seq "$count"); do
	pick | while read -r package pattern; do
		for kind in portable assembly; do
			GOMAXPROCS=1 "$out/$package.$kind" -test.run '^$' -test.bench "$pattern" -test.benchtime "$time" >> "$out/$kind"
		done
	done
done
GOFLAGS=-mod=readonly go run "$benchstat" "$out/portable" "$out/assembly"
