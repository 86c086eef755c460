package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

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
	switch {
	case errors.Is(err, errNoPassword):
		return "", usagef("Type it, or set "+from+".", "%w", errNoPassword)
	case err != nil:
		return "", fmt.Errorf("read password: %w", err)
	}
	return typed, nil
}

func noPassword() error {
	return usagef("Or leave --source-user out.", "no password: set REHOME_SOURCE_PASSWORD")
}

// errNoPassword says that the prompt was left with Ctrl-D.
var errNoPassword = errors.New("no password given")

// readHidden reads a line without showing it, until ctx ends; the terminal is as before when it returns.
func readHidden(ctx context.Context, terminal *os.File) (rehome.Secret, error) {
	fd := int(terminal.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	var typed []byte
	ended := make(chan error, 1)
	go func() { // a read of a terminal cannot be called off: after an interrupt it ends with the program
		var err error
		typed, err = readTyped(terminal)
		ended <- err
	}()
	select {
	case err := <-ended:
		return rehome.Secret(typed), errors.Join(err, term.Restore(fd, before))
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

// maxPassword is far more than anybody types, bytes.
const maxPassword = 64 << 10

// readTyped reads what is typed on a raw terminal up to Enter: in that mode the keys that end or mend a line come as
// they are. term.ReadPassword would wait on after Ctrl-D.
func readTyped(keys io.Reader) (line []byte, err error) {
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(keys, one); err != nil {
			return nil, errNoPassword // the terminal is gone
		}
		switch key := one[0]; {
		case key == '\r', key == '\n':
			return line, nil
		case key == 0x03: // Ctrl-C
			return nil, context.Canceled
		case key == 0x04 && len(line) == 0: // Ctrl-D
			return nil, errNoPassword
		case key == 0x04:
			return line, nil
		case key == 0x15: // Ctrl-U
			line = line[:0]
		case key == 0x7f, key == '\b':
			_, size := utf8.DecodeLastRune(line)
			line = line[:len(line)-size]
		case len(line) < maxPassword:
			line = append(line, key)
		}
	}
}

// isTerminal reports whether a person sits at the other end of f.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
