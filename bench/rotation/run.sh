#!/usr/bin/env bash
# usage: run.sh PHOTOS TURNED WEIGHTS.h5 SEED...    both programs in turn
set -euo pipefail
cd "$(dirname "$0")/../.."
photos=$1 turned=$2 weights=$3
shift 3
python=${PYTHON:-python3}
ours=$(mktemp -d)/rotation
go build -o "$ours" ./bench/rotation
for seed in "$@"; do
  "$ours" -photos "$photos" -turned "$turned" -first "$seed"
  "$python" bench/rotation/rotation.py "$turned" "$weights" "$seed"
done
