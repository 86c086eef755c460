package transport

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"rehome"
	"rehome/internal/git/cage"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// maxPushed bounds a pack that a repository on this machine takes, in bytes.
const maxPushed = 1 << 50

// spawn starts the program of q on the repository at l.Path, to be spoken to through pipes. It lives no longer than ctx.
func (t *Transport) spawn(ctx context.Context, l remote.Location, q Question) (*line, error) {
	path, err := RealPath(l.Path)
	if err != nil {
		return nil, err
	}
	command := cage.Command{Git: t.o.Program, Program: cage.UploadPack, Dir: path, Protocol: "version=2", Files: cage.ReadAll}
	if q.Service == protocol.ReceivePack {
		command.Program, command.Protocol, command.MaxInput = cage.ReceivePack, "", maxPushed
		if !isWhole(path) {
			command.Files = cage.All
		}
	}
	caged, err := cage.Start(ctx, command)
	if err != nil {
		return nil, &rehome.Error{Code: rehome.Internal, Message: "The git program cannot be started.", Hint: "Install git 2.39 or newer.", Err: err}
	}
	c := newLine(l, caged.Stdout, caged.Stdin, func() {}) // ctx ends it
	c.end = func() error {
		caged.Stop()
		if said := caged.Said(); said != "" {
			return errors.New(rehome.Clean(said, maxText))
		}
		return nil
	}
	if c.ad, err = protocol.ReadAdvertisement(c.in, q.Limits); err != nil {
		if said := c.Close(); said != nil && errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, NotARepository(rehome.Clean(said.Error(), maxText))
		}
		return nil, err
	}
	return c, nil
}

// isWhole reports whether a repository, or that of a work tree, has in its folder all that a push writes.
func isWhole(path string) bool {
	for _, name := range []string{".git", ".git/objects", ".git/refs", "objects", "refs"} {
		if st, err := os.Lstat(filepath.Join(path, name)); err == nil && !st.IsDir() {
			return false
		}
	}
	return true
}

// RealPath returns where path leads, absolute and without links. The error is NotARepository's where it leads nowhere.
func RealPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		e := NotARepository("there is no such folder")
		e.Err = err
		return "", e
	}
	return abs, nil
}
