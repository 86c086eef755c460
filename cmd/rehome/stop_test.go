package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// A server whose database fell silent ends when it is told to.
func TestStopsWithoutItsDatabase(t *testing.T) {
	t.Parallel()
	way, where := testenv.NewStall(t, testenv.Postgres(t).NewDatabase(t))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, out := io.Pipe()
	ended := make(chan int)
	go func() {
		m := &Main{Stdin: os.Stdin, Stdout: out, Stderr: io.Discard, Getenv: func(string) string { return "" }}
		code := m.Run(ctx, []string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "data"), "--database", where})
		out.Close()
		ended <- code
	}()
	for lines := bufio.NewScanner(said); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "listening on ") {
			way.Stop()
			stop()
		}
	}
	if code := <-ended; code != exitDone {
		t.Errorf("it ended with %d", code)
	}
}
