// Command andiron says what loading a PyTorch model would execute, and how a
// PyTorch project stands on eight mitigation strategies.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/andiron-dev/andiron/internal/cli"
	"github.com/andiron-dev/andiron/internal/enforce"
	"github.com/andiron-dev/andiron/internal/imagechild"
	"github.com/andiron-dev/andiron/internal/sandbox"
)

func main() {
	// They do not return in a process that is to become a worker of the sandbox, or a
	// program that is held.
	sandbox.Stage()
	enforce.Stage()
	if imagechild.Asked(os.Args) {
		decodeImages()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the run with what was found so far; with the handler
	// gone, a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(cli.Main(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// decodeImages is the other process of a run that looks at images.
func decodeImages() {
	if err := imagechild.Serve(os.Stdin, os.Stdout, nil); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // there is nowhere else to say it
		os.Exit(3)
	}
	os.Exit(0)
}
