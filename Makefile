# Every target needs Go alone, unless it says otherwise.
MODULE := $(shell go list -m)
KERNELS := ./internal/kernel/...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 20s
BENCHENV ?= $(HOME)/.cache/argus-bench
TORCH ?= python3
# 4 GB of files go here.
TORCHFILES ?= torchfiles

.PHONY: test golden keras torch race fuzz bench bench-all bench-data photographs generate lint cross arm64 browser ci rename tensorboard kills hpo hpo-peers hpo-table tfrecord-interop tfrecord-crashes tfrecord-bench cloud peers

test:
	go test ./...

# Every network of internal/golden at every size; make test runs one of each kind.
golden:
	GOMEMLIMIT=6GiB ARGUS_GOLDEN=all go test -count=1 -v -timeout 3h ./internal/golden

# Networks of torchvision and timm against what PyTorch gives: TORCH is a Python with tools/torch/requirements.txt.
torch:
	$(TORCH) tools/torch/parity.py $(TORCHFILES)
	ARGUS_TORCH=$(abspath $(TORCHFILES)) go test -count=1 -v -run TestNetworksEqualTorchsOwn ./internal/torchnet

# Keras' own large files, in KERAS_FILES, against what Keras makes of pictures. Needs
# what python3 tools/golden/keras_files.py large $(KERAS_FILES) writes.
keras:
	@test -n "$(KERAS_FILES)" || { echo 'usage: make keras KERAS_FILES=/a/folder'; exit 1; }
	ARGUS_KERAS_FILES="$(KERAS_FILES)" go test -count=1 -v -run TestLargeKerasFiles .

# -race does not see assembly, so portable code runs under it, too. Needs a C compiler.
race:
	.ci/run race

# Each fuzz target for FUZZTIME, of which Go would spend most on making interesting inputs smaller.
fuzz:
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$$file"); do \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$(dirname "$$file")" || exit 1; \
		done; \
	done

# Kernels in portable Go and in assembly, through benchstat; a minute. COUNT and BENCHTIME are rounds and the time of one.
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
bench:
	bench/kernels.sh $(BENCHSTAT) .venv/kernels

bench-all:
	go test -run '^$$' -bench . -benchmem ./...

# Beside ONNX Runtime, OpenVINO, PyTorch and TensorFlow: bench/peers/README.md. Needs Python and a C++ compiler; 7 GB go to .venv/peers.
peers:
	test -x .venv/peers/bin/python || { python3 -m venv .venv/peers && .venv/peers/bin/pip install -q -r bench/peers/requirements.txt; }
	go build -o .venv/peers/argus ./bench/peers
	cd bench/peers/gomlx && go build -o ../../../.venv/peers/gomlx .
	.venv/peers/argus export .venv/peers/networks
	.venv/peers/bin/python bench/peers/run.py .venv/peers/argus .venv/peers/networks --write bench/RESULTS.md $(PEERS)

# Event files through TensorBoard's own reader. Needs Python.
tensorboard:
	test -x .venv/tensorboard/bin/python || { python3 -m venv .venv/tensorboard && .venv/tensorboard/bin/pip install -q tensorboard==2.20.0 'setuptools<81'; }
	ARGUS_TENSORBOARD=$(CURDIR)/.venv/tensorboard/bin/python go test -count=1 -v -run TensorBoard ./internal/tensorboard

# A training killed a hundred times ends with the same bits.
kills:
	ARGUS_KILLS=100 go test -count=1 -v -run Killed .

# Decoding and augmentation beside Pillow, torchvision, albumentations and tf.data, in turns.
# Needs Python 3.11 and PHOTO, a photograph. bench/data/requirements.txt pins the libraries.
bench-data:
	test -d $(BENCHENV) || { python3 -m venv $(BENCHENV) && $(BENCHENV)/bin/pip install -q -r bench/data/requirements.txt; }
	test -d $(BENCHENV)-tf || { python3 -m venv $(BENCHENV)-tf && $(BENCHENV)-tf/bin/pip install -q tensorflow-cpu==2.21.0; }
	go build -o $(BENCHENV)/data ./bench/data
	TF_PYTHON=$(BENCHENV)-tf/bin/python $(BENCHENV)/bin/python bench/data/run.py $(BENCHENV)/data $(PHOTO)

# Ten thousand photographs through Open, augment and Fit in 600 MB; kills of Generate.
photographs:
	ARGUS_PHOTOGRAPHS=10000 go test -count=1 -v -timeout 1h -run ManyPhotographs .
	ARGUS_KILLS=100 go test -count=1 -v -run 'Killed|Crash' ./augment

# Writes the assembly anew, that of x86 with avo, from internal/kernel/_asm (a module of its own).
generate:
	go generate $(KERNELS)

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'not formatted'; exit 1; }
	go vet ./...
	go vet -tags purego ./...
	GOFLAGS=-mod=readonly go run $(STATICCHECK) ./...
	go test ./internal/lint

cross:
	CGO_ENABLED=0 go build ./...
	GOOS=linux GOARCH=arm64 go build ./...
	GOOS=windows GOARCH=amd64 go build ./...
	GOOS=darwin GOARCH=arm64 go build ./...

# The arm64 kernels under emulation. Needs qemu-user-static.
arm64:
	GOARCH=arm64 go test -short -exec qemu-aarch64-static $(KERNELS) ./internal/cpu ./internal/parallel

# Image searches in a real browser: a module of its own. Needs Chromium, else its tests skip.
browser:
	cd scrape/browser && go vet ./... && go test ./...

# TFRecords against TensorFlow, both ways: TENSORFLOW is a Python with tensorflow==2.21.0.
TENSORFLOW ?= python3
tfrecord-interop:
	ARGUS_TENSORFLOW=$(TENSORFLOW) go test -count=1 -v -run TestTensorFlowReadsAndWritesTheSameRecords ./tfrecord

# Crashes of its writers at every operation, and 100 kills; memory for 100,000 records.
tfrecord-crashes:
	ARGUS_CRASHES=all ARGUS_KILLS=100 go test -count=1 -v -run 'Crash|Kill|Interrupted' ./tfrecord
	ARGUS_RECORDS=all go test -count=1 -v -run AHundredThousandRecords .

# Reading and writing records beside TensorFlow; needs TENSORFLOW and Linux.
tfrecord-bench:
	go run ./bench/records -python $(TENSORFLOW)
	go run ./bench/records -memory

# Buckets: a module of its own, with much to download. Azure is tested where AZURITE
# is a program azurite-blob (npm install azurite@3.35.0).
cloud:
	cd cloud && go vet ./... && ARGUS_AZURITE="$(AZURITE)" go test ./...

ci:
	.ci/run

# make rename TO=example.com/vision: the module under another path.
rename:
	@test -n "$(TO)" || { echo 'usage: make rename TO=new/module/path'; exit 1; }
	grep -rlF '$(MODULE)' --include='*.go' --include=go.mod --include='*.md' . | xargs sed -i.orig 's#$(MODULE)#$(TO)#g'
	find . -name '*.orig' -delete
	gofmt -w .

# The optimizer of hpo beside its peers, as they were recorded; about ten minutes.
hpo:
	go run ./bench/hpo -seeds 50 -evaluations 80 -peers bench/hpo/peers.csv -plot bench/hpo/regret.svg
	go run ./bench/hpo -seeds 50 -evaluations 80 -peers bench/hpo/peers.csv -held-out

# The table of losses of bench/hpo, from this library's Fit on photographs; half an hour. Then run hpo-peers for it.
hpo-table: # make hpo-table PHOTOS=clothing5
	go run ./bench/hpo -record $(PHOTOS) -cache .venv/hpo-cache -out bench/hpo/clothing5.json

# Records what is missing of the peers in bench/hpo/peers.csv; stop it when you like. A day on one core. Needs Python 3.11.
HPO_PYTHON ?= .venv/hpo
hpo-peers:
	test -d $(HPO_PYTHON) || python3 -m venv $(HPO_PYTHON)
	$(HPO_PYTHON)/bin/pip install -q -r bench/hpo/requirements.txt
	nice $(HPO_PYTHON)/bin/python bench/hpo/peers.py bench/hpo/peers.csv
