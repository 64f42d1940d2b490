#!/usr/bin/env bash
# usage: run.sh PHOTOS EPOCHS ROUNDS    both programs in turn, on the same cores
set -euo pipefail
cd "$(dirname "$0")/../.."
photos=$1 epochs=$2 rounds=$3
python=${PYTHON:-python3}
ours=$(mktemp -d)/oldfit
go build -o "$ours" ./bench/oldfit
for _ in $(seq "$rounds"); do
  for augment in "" augment; do
    "$ours" -photos "$photos" -epochs "$epochs" ${augment:+-augment}
    "$python" bench/oldfit/oldfit.py "$photos" "$epochs" $augment
  done
done
