// Command neon writes the arm64 assembly of all kernel packages into their
// folders, which lie in ROOT (..):
//
//	go run ./neon [ROOT]
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var packages = []struct {
	name, assembly, stubs string
	write                 func(a *assembler)
}{
	{"act", "act_arm64.s", "act_stub_arm64.go", act},
	{"depthwise", "depthwise_arm64.s", "depthwise_stub_arm64.go", depthwise},
	{"gemm", "tile_arm64.s", "stubs_arm64.go", gemm},
	{"pool", "pool_arm64.s", "pool_stub_arm64.go", pool},
	{"vec", "vec_arm64.s", "vec_stub_arm64.go", vec},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "neon:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	root := ".."
	switch len(args) {
	case 0:
	case 1:
		root = args[0]
	default:
		return fmt.Errorf("usage: neon [ROOT]")
	}
	for _, p := range packages {
		a := newAssembler(p.name)
		p.write(a)
		a.finish()
		dir := filepath.Join(root, p.name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.assembly), a.text.Bytes(), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.stubs), a.stubs.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
