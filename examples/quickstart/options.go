package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = `usage: quickstart [flags] [DIR]

Trains a classifier of photographs and tests it on some that it has not seen.
DIR holds a folder of pictures for each class, or {train,val,test}/<class>;
without it, the program's own photographs are used.

`

type options struct {
	dir, out, model   string
	backbone, weights string
	json              bool
	seed              uint64
}

// parse reads the command line; flags may also follow DIR.
func parse(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.StringVar(&o.model, "o", "model.argus", "save the classifier to this `file`")
	flags.StringVar(&o.out, "out", "", "write the program's own photographs to this `folder` and leave them there")
	flags.StringVar(&o.backbone, "backbone", "lite0", "the `network`: lite0, or inception-v3, xception, resnet50, b0 …, whose weights are downloaded at first use")
	flags.StringVar(&o.weights, "weights", "", "read the network's weights from this `file` (.h5, .keras, …); lite1 to lite4 need one")
	flags.BoolVar(&o.json, "json", false, "print the result as one JSON object")
	flags.Uint64Var(&o.seed, "seed", 0, "of training, and of the split of a DIR that has none")
	flags.SetOutput(io.Discard)
	var dirs []string
	for rest := args; ; rest = flags.Args()[1:] {
		if err := flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				fmt.Fprint(help, usage)
				flags.SetOutput(help)
				flags.PrintDefaults()
			}
			return options{}, err
		}
		if flags.NArg() == 0 {
			break
		}
		dirs = append(dirs, flags.Arg(0))
	}
	switch {
	case len(dirs) > 1:
		return options{}, fmt.Errorf("%d folders %q, want one", len(dirs), dirs)
	case len(dirs) == 1 && o.out != "":
		return options{}, errors.New("-out is for the program's own photographs, not for DIR")
	case len(dirs) == 1:
		o.dir = dirs[0]
	}
	return o, nil
}

// folder returns the folder of photographs, and what removes it afterwards if
// it is a temporary one.
func (o options) folder() (dir string, remove func(), err error) {
	remove = func() {}
	switch {
	case o.dir != "":
		return o.dir, remove, nil
	case o.out != "":
		dir = o.out
	default:
		if dir, err = os.MkdirTemp("", "quickstart-"); err != nil {
			return "", nil, err
		}
		remove = func() { os.RemoveAll(dir) }
	}
	if err := writeTiles(dir); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// cache is where features of a DIR are kept for the next run; a system without
// such a folder goes without.
func (o options) cache() string {
	dir, err := os.UserCacheDir()
	if o.dir == "" || err != nil {
		return ""
	}
	return filepath.Join(dir, "argus")
}
