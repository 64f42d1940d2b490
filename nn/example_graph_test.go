package nn_test

import (
	"context"
	"fmt"
	"log"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/argus-go/argus/nn"
)

// A small network as a Gorgonia graph, Gorgonia's own ops after it, and gradient
// descent on the lot.
func ExampleBuild() {
	net := nn.Seq{
		nn.Block{Name: "stem", Body: nn.Conv{Filters: 8, Kernel: [2]int{3, 3}, Stride: 2, Norm: nn.BatchNorm{Eps: 1e-3}, Act: nn.Swish}},
		nn.GlobalPool{Kind: nn.Avg},
		nn.Dense{Name: "out", Units: 1},
	}
	in := nn.Shape{H: 8, W: 8, C: 3}
	weights, err := nn.Init(net, in, 1)
	if err != nil {
		log.Fatal(err)
	}

	pixels := make([]float32, 4*in.Size())
	for i := range pixels {
		pixels[i] = float32(i%7) - 3
	}
	g := gorgonia.NewGraph()
	x := gorgonia.NewTensor(g, tensor.Float32, 4, gorgonia.WithName("x"), gorgonia.WithShape(4, 8, 8, 3),
		gorgonia.WithValue(tensor.New(tensor.WithShape(4, 8, 8, 3), tensor.WithBacking(pixels))))
	b, err := nn.Build(g, x, net, weights, nn.Options{Training: true})
	if err != nil {
		log.Fatal(err)
	}

	// The network is to answer 1: the mean of (y-1)².
	one := gorgonia.NewConstant(float32(1))
	off := gorgonia.Must(gorgonia.Sub(b.Output, one))
	cost := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(off))))
	grads, err := nn.Grad(cost, b.Params...)
	if err != nil {
		log.Fatal(err)
	}
	m, err := nn.NewMachine(g, append(grads, cost)...)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()

	for step := range 31 {
		if err := m.Run(context.Background(), 0); err != nil {
			log.Fatal(err)
		}
		if step%10 == 0 {
			fmt.Printf("step %2d: cost %.2f\n", step, cost.Value().Data())
		}
		for i, p := range b.Params {
			w, d := p.Value().Data().([]float32), grads[i].Value().Data().([]float32)
			for j := range w {
				w[j] -= 0.1 * d[j]
			}
		}
		b.UpdateStatistics()
	}
	fmt.Println("stem:", b.Taps["stem"].Shape(), "weights:", len(b.Params))
	// Output:
	// step  0: cost 1.06
	// step 10: cost 0.00
	// step 20: cost 0.00
	// step 30: cost 0.00
	// stem: (4, 4, 4, 8) weights: 5
}

// Grad and gorgonia.Grad give the same numbers; here for y = x·w + b.
func ExampleGrad() {
	net := nn.Dense{Name: "out", Units: 1}
	weights := nn.Weights{
		"out/kernel": {Shape: []int{2, 1}, Data: []float32{3, -1}},
		"out/bias":   {Shape: []int{1}, Data: []float32{0.5}},
	}
	type gradient func(cost *gorgonia.Node, wrt ...*gorgonia.Node) (gorgonia.Nodes, error)
	for _, grad := range []gradient{nn.Grad, gorgonia.Grad} {
		g := gorgonia.NewGraph()
		x := gorgonia.NewTensor(g, tensor.Float32, 4, gorgonia.WithName("x"), gorgonia.WithShape(2, 1, 1, 2),
			gorgonia.WithValue(tensor.New(tensor.WithShape(2, 1, 1, 2), tensor.WithBacking([]float32{1, 2, 3, 4}))))
		b, err := nn.Build(g, x, net, weights, nn.Options{})
		if err != nil {
			log.Fatal(err)
		}
		cost := gorgonia.Must(gorgonia.Mean(gorgonia.Must(gorgonia.Square(b.Output))))
		grads, err := grad(cost, b.Params...)
		if err != nil {
			log.Fatal(err)
		}
		m, err := nn.NewMachine(g, append(grads, cost)...)
		if err != nil {
			log.Fatal(err)
		}
		if err := m.Run(context.Background(), 1); err != nil {
			log.Fatal(err)
		}
		fmt.Println("cost", cost.Value().Data(), "kernel", grads[0].Value().Data(), "bias", grads[1].Value().Data())
	}
	// Output:
	// cost 16.25 kernel [18 25] bias [7]
	// cost 16.25 kernel [18 25] bias [7]
}
