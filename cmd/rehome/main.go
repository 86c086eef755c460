// Command rehome moves a repository to a new home with its history, authors and large files intact.
package main

import (
	"context"
	"io"
	"log"
	"os"
)

func main() {
	log.SetOutput(io.Discard) // only net/http writes there: what strangers say who do not speak HTTP
	harden()
	m := &Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	m.interrupts = &interrupts{main: m, exit: os.Exit, shows: map[int]drawn{}, leaves: map[int]func() string{}}
	ctx, stop := m.interrupts.listen(context.Background())
	code := m.Run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Main is the program, with everything it takes from its surroundings.
type Main struct {
	Stdin          *os.File
	Stdout, Stderr io.Writer
	Getenv         func(name string) string // empty is as good as not set

	args       []string    // of the command line; none for the rows of a batch
	interrupts *interrupts // nil for none

	watch *watcher // shows an import in place of what its flags say; nil but in a batch
}

// Run runs one command line, without the program's name, and returns the exit code.
func (m *Main) Run(ctx context.Context, args []string) int {
	m.args = args
	root := m.command()
	root.SetArgs(args)
	root.SetIn(m.Stdin)
	root.SetOut(m.Stdout)
	root.SetErr(m.Stderr)
	err := root.ExecuteContext(ctx)
	code := report(m.Stderr, m.style(), ctx, err)
	if code == exitInterrupted {
		m.sayAgain()
	}
	return code
}
