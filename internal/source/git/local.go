package git

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"rehome"
	"rehome/internal/git/cage"
	"rehome/internal/git/protocol"
)

// child is git upload-pack on a local repository, spoken to through pipes. It fills conversation.
type child struct {
	*cage.Child
	in      *protocol.Reader
	ad      protocol.Advertisement
	stopped bool
}

func (c *child) advertisement() protocol.Advertisement { return c.ad }

// spawn starts upload-pack on the repository at path. It lives no longer than ctx.
func (g *Git) spawn(ctx context.Context, path string, limits protocol.Limits) (*child, error) {
	path, err := realPath(path)
	if err != nil {
		return nil, err
	}
	caged, err := cage.Start(ctx, cage.Command{Git: g.program, Program: cage.UploadPack, Dir: path, Protocol: "version=2"})
	if err != nil {
		return nil, &rehome.Error{Code: rehome.Internal, Message: "The git program cannot be started.", Hint: "Install git 2.39 or newer.", Err: err}
	}
	c := &child{Child: caged, in: protocol.NewReader(caged.Stdout)}
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

// ask implements conversation.
func (c *child) ask(_ context.Context, encode func(io.Writer) error, _ time.Duration) (*protocol.Reader, error) {
	out := bufio.NewWriter(c.Stdin)
	if err := errors.Join(encode(out), out.Flush()); err != nil {
		return nil, &readError{err}
	}
	return c.in, nil
}

// finish implements conversation: the next answer comes through the same pipe.
func (c *child) finish() {}

// close implements conversation: it ends the child, whatever it is doing, and returns
// what it wrote to standard error.
func (c *child) close() error {
	if c.stopped {
		return nil
	}
	c.stopped = true
	c.Stop()
	if said := c.Said(); said != "" {
		return errors.New(rehome.Clean(said, maxText))
	}
	return nil
}
