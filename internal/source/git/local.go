package git

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"rehome"
	"rehome/internal/git/protocol"
)

// child is git upload-pack on a local repository, spoken to through pipes. It fills conversation.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	in     *protocol.Reader
	said   *bounded // its standard error
	ad     protocol.Advertisement
	closed bool
}

func (c *child) advertisement() protocol.Advertisement { return c.ad }

// spawn starts upload-pack on the repository at path. It lives no longer than ctx.
func (g *Git) spawn(ctx context.Context, path string, limits protocol.Limits) (*child, error) {
	path, err := realPath(path)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: g.uploadPack(ctx, path), said: &bounded{}}
	c.cmd.Stderr = c.said
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start git upload-pack: %w", err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start git upload-pack: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, &rehome.Error{Code: rehome.Internal, Message: "The git program cannot be started.", Hint: "Install git 2.39 or newer.", Err: err}
	}
	c.in = protocol.NewReader(stdout)
	if c.ad, err = protocol.ReadAdvertisement(c.in, limits); err != nil {
		if said := c.close(); said != nil && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, notARepository(rehome.Clean(said.Error(), maxText))
		}
		return nil, err
	}
	return c, nil
}

func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		e := notARepository("there is no such folder")
		e.Err = err
		return "", e
	}
	return abs, nil
}

// uploadPack returns the command in its cage: nothing of the user's settings, no
// network, a process group of its own that dies as a whole.
func (g *Git) uploadPack(ctx context.Context, path string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.program,
		"-c", "safe.directory="+path, "-c", "safe.directory="+filepath.Join(path, ".git"),
		"-c", "core.useReplaceRefs=false", "-c", "gc.auto=0",
		"upload-pack", path)
	cmd.Dir = "/"
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_PROTOCOL=version=2", "GIT_TERMINAL_PROMPT=0",
		"GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = time.Second
	return cmd
}

// killGroup ends cmd and everything it started. It must come before Wait has returned,
// while nobody else can have the process's number.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// ask implements conversation.
func (c *child) ask(_ context.Context, encode func(io.Writer) error) (*protocol.Reader, error) {
	out := bufio.NewWriter(c.stdin)
	if err := errors.Join(encode(out), out.Flush()); err != nil {
		return nil, &readError{err}
	}
	return c.in, nil
}

// close implements conversation: it ends the child, whatever it is doing, and returns
// what it wrote to standard error.
func (c *child) close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.stdin.Close()
	killGroup(c.cmd)
	c.cmd.Wait()
	if len(c.said.b) == 0 {
		return nil
	}
	return errors.New(rehome.Clean(string(c.said.b), maxText))
}

// bounded keeps the first KB of what is written to it.
type bounded struct{ b []byte }

func (b *bounded) Write(p []byte) (int, error) {
	b.b = append(b.b, p[:min(len(p), 4096-len(b.b))]...)
	return len(p), nil
}
