// Command gomlx answers as peers serve does, for one picture, with gomlx's
// backend in pure Go: gomlx NAME.onnx NAME.raw, both written by peers.py.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"time"

	"github.com/gomlx/gomlx/backends"
	_ "github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"
	"github.com/gomlx/onnx-gomlx/onnx"
)

const classes = 1000

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: gomlx NAME.onnx NAME.raw")
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func serve(network, raw string) error {
	run, want, err := load(network, raw)
	if err != nil {
		return err
	}
	reply := json.NewEncoder(os.Stdout)
	if err := reply.Encode(map[string]any{"library": "gomlx", "version": "0.26.0"}); err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command string
		batch, count := 0, 1
		_, _ = fmt.Sscan(lines.Text(), &command, &batch, &count)
		answer := make([]float64, count)
		for i := range answer {
			start := time.Now()
			got, err := run()
			if err != nil {
				return err
			}
			answer[i] = time.Since(start).Seconds()
			if command == "check" {
				answer[i] = distance(got, want)
			}
		}
		if err := reply.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// load returns a function that computes the probabilities for the picture in raw,
// [3][size][size], and those that follow it there.
func load(network, raw string) (run func() ([]float32, error), want []float32, err error) {
	b, err := os.ReadFile(raw)
	if err != nil {
		return nil, nil, err
	}
	values := make([]float32, len(b)/4)
	if _, err := binary.Decode(b, binary.LittleEndian, values); err != nil {
		return nil, nil, err
	}
	pixels := len(values) - classes
	size := int(math.Sqrt(float64(pixels) / 3))
	model, err := onnx.ReadFile(network)
	if err != nil {
		return nil, nil, err
	}
	ctx := context.New()
	if err := model.VariablesToContext(ctx); err != nil {
		return nil, nil, err
	}
	backend, err := backends.NewWithConfig("go")
	if err != nil {
		return nil, nil, err
	}
	exec, err := context.NewExec(backend, ctx, func(ctx *context.Context, x *graph.Node) *graph.Node {
		return model.CallGraph(ctx, x.Graph(), map[string]*graph.Node{"x": x})[0]
	})
	if err != nil {
		return nil, nil, err
	}
	x := tensors.FromFlatDataAndDimensions(values[:pixels], 1, 3, size, size)
	return func() ([]float32, error) {
		out, err := exec.Exec1(x)
		if err != nil {
			return nil, err
		}
		defer out.FinalizeAll()
		return tensors.CopyFlatData[float32](out)
	}, values[pixels:], nil
}

// distance is the largest difference relative to the largest of want.
func distance(got, want []float32) float64 {
	most, far := 0., 0.
	for i, v := range want {
		most, far = max(most, math.Abs(float64(v))), max(far, math.Abs(float64(got[i]-v)))
	}
	return far / most
}
