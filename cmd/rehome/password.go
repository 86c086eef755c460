package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"

	"rehome"
)

// sourcePassword takes the password for a source's user from the environment, or asks for it on a terminal.
func (m *Main) sourcePassword(ctx context.Context, user string) (rehome.Secret, error) {
	return m.password(ctx, user, "source", "REHOME_SOURCE_PASSWORD")
}

// password takes the password for a user from the environment, or asks for it on a terminal.
func (m *Main) password(ctx context.Context, user, at, from string) (rehome.Secret, error) {
	if password := m.Getenv(from); password != "" {
		return rehome.Secret(password), nil
	}
	if user == "" || !isTerminal(m.Stdin) {
		return "", nil
	}
	fmt.Fprintf(m.Stderr, "Password for %q at the %s: ", user, at)
	typed, err := readHidden(ctx, m.Stdin)
	fmt.Fprintln(m.Stderr)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return typed, nil
}

func noPassword() error {
	return usagef("Or leave --source-user out.", "no password: set REHOME_SOURCE_PASSWORD")
}

// readHidden reads a line without showing it, until ctx ends; the terminal is as before
// when it returns.
func readHidden(ctx context.Context, terminal *os.File) (rehome.Secret, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	var (
		typed []byte
		ended = make(chan error, 1)
	)
	go func() { // a read of a terminal cannot be called off: after an interrupt it ends with the program
		var err error
		typed, err = term.ReadPassword(fd)
		ended <- err
	}()
	select {
	case err := <-ended:
		return rehome.Secret(typed), err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

// isTerminal reports whether a person sits at the other end of f.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
