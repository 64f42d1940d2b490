// Command service answers POST /classify with what a picture shows. The model
// is inside the program; see README.md.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/argus-go/argus"
	"github.com/argus-go/argus/efficientnet/lite0"
	"github.com/argus-go/argus/serve"
)

// files holds the model file, if there was one when the program was built.
//
//go:embed model
var files embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, then lets the requests that are on their way
// finish.
func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "localhost:8080", "listen at `host:port`")
	model := flags.String("model", "", "serve the model in this `file`, not the one in the program")
	top := flags.Int("top", 5, "classes in an answer; 0 means all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	clf, err := classifier(*model, files)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	logger := log.New(stderr, "", log.LstdFlags)
	logger.Printf("%d classes at http://%s/classify", len(clf.Classes()), listener.Addr())
	return serveUntil(ctx, listener, routes(clf, *top, logger), logger)
}

// classifier loads the model file at path or, where path is "", the one in
// files. Without any it is the pretrained network with its 1000 classes.
func classifier(path string, files fs.FS) (*argus.Classifier, error) {
	if path != "" {
		return argus.LoadClassifier(path)
	}
	found, err := fs.Glob(files, "model/*.argus")
	switch {
	case err != nil:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("the program holds %d models %q, want one", len(found), found)
	case len(found) == 1:
		return argus.LoadClassifierFS(files, found[0])
	}
	return argus.Pretrained(lite0.Backbone())
}

func routes(clf *argus.Classifier, top int, logger *log.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/classify", serve.New(clf, serve.Options{Top: top}, serve.Hooks{
		Failed: func(r *http.Request, err error) { logger.Printf("%s: %v", r.RemoteAddr, err) },
	}))
	return mux
}

// serveUntil serves until ctx ends and then waits, for ten seconds at most, for
// the requests that have begun.
func serveUntil(ctx context.Context, listener net.Listener, h http.Handler, logger *log.Logger) error {
	server := &http.Server{Handler: h, ErrorLog: logger, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	logger.Print("shutting down")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		return errors.Join(fmt.Errorf("shutting down: %w", err), server.Close())
	}
	return nil
}
