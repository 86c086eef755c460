package cage

import (
	"context"
	"io"
	"os/exec"
	"syscall"

	"rehome"
)

// Child is a git process in its cage. Wait or Stop has to be called, once.
type Child struct {
	Stdin  io.WriteCloser
	Stdout io.Reader // nil when Command.Stdout was given; it is read before Wait

	cmd    *exec.Cmd
	cancel context.CancelFunc
	held   held
	said   clipped
}

// Wait returns when the process and everything it started have ended. killed reports that
// it was ended from outside, and may have left lock files.
func (c *Child) Wait() (killed bool, err error) {
	defer c.cancel()
	err = c.reap()
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return !ok || status.Signaled(), err
}

// Stop ends the child, whatever it is doing, and waits for it.
func (c *Child) Stop() {
	c.Stdin.Close()
	c.cancel()
	c.Wait()
}

// Said returns the beginning of what the child wrote to standard error, in one line fit
// to show. It may be called after Wait or Stop.
func (c *Child) Said() string { return rehome.Clean(string(c.said.kept), maxSaid) }

// clipped keeps the first maxSaid bytes written to it.
type clipped struct{ kept []byte }

func (c *clipped) Write(p []byte) (int, error) {
	c.kept = append(c.kept, p[:min(len(p), maxSaid-len(c.kept))]...)
	return len(p), nil
}
