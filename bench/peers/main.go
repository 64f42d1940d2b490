// Command peers is this library's side of a comparison with ONNX Runtime,
// OpenVINO, PyTorch and TensorFlow, which run.py drives:
//
//	peers export FOLDER              networks and pictures for all sides
//	peers serve FOLDER NETWORK MODE  answers one command a line; modes are infer,
//	                                 train, check (train without dropout) and
//	                                 gorgonia (infer by its own ops)
//	peers first MODEL PICTURE        load a model file and predict once
//	peers hundred MODEL PICTURE      load and predict a hundred times
package main

import (
	"log"
	"os"
)

func main() {
	start := now()
	log.SetFlags(0)
	log.SetPrefix("peers: ")
	commands := map[string]struct {
		args int
		run  func(args []string) error
	}{
		"export":  {1, func(a []string) error { return export(a[0]) }},
		"serve":   {3, func(a []string) error { return serve(a[0], a[1], a[2], os.Stdin, os.Stdout) }},
		"first":   {2, func(a []string) error { return first(start, a[0], a[1], os.Stdout) }},
		"hundred": {2, func(a []string) error { return hundred(a[0], a[1], os.Stdout) }},
	}
	if len(os.Args) < 2 || len(os.Args)-2 != commands[os.Args[1]].args {
		log.Fatal("usage: peers export FOLDER | serve FOLDER NETWORK MODE | first MODEL PICTURE | hundred MODEL PICTURE")
	}
	if err := commands[os.Args[1]].run(os.Args[2:]); err != nil {
		log.Fatal(err)
	}
}
