package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// adminToken is the administrator's token of every server started here.
const adminToken = "rht_endtoendendtoendendtoendendtoend"

// patience is how long anything may take before a test gives up; nothing is measured by it.
const patience = 60 * time.Second

// server is a running rehome serve.
type server struct {
	cmd  *exec.Cmd
	base string
	said *bytes.Buffer // standard error; read it after wait
	done chan error    // gets what Wait says, once
}

// start runs rehome serve on a free port and waits until it listens.
func start(dir string, env, flags []string) (*server, error) {
	return startBy(program, dir, env, flags)
}

// startBy is start for another file that runs the program.
func startBy(program, dir string, env, flags []string) (*server, error) {
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	s := &server{cmd: exec.Command(program, args...), said: &bytes.Buffer{}, done: make(chan error, 1)}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = dir, env, s.said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, base, ok := strings.Cut(lines.Text(), "listening on "); ok {
			s.base = base
			break
		}
	}
	go func() {
		io.Copy(io.Discard, out)
		s.done <- s.cmd.Wait()
	}()
	if s.base == "" {
		return nil, fmt.Errorf("rehome serve ended before it listened: %w: %s", <-s.done, s.said)
	}
	return s, nil
}

// stop sends a signal and returns the exit code, -1 after a kill.
func (s *server) stop(signal os.Signal) (int, error) {
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	select {
	case err := <-s.done:
		s.done <- err
		return s.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		s.cmd.Process.Kill()
		return 0, errors.New("rehome serve did not end")
	}
}

// testServer is start for Go tests: a server with a fresh data folder that may reach loopback.
func testServer(t *testing.T, flags ...string) *server {
	t.Helper()
	dir := t.TempDir()
	env := append(testenv.Env(), "REHOME_ADMIN_TOKEN="+adminToken)
	s, err := start(dir, env, append([]string{"--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1"}, flags...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("the server said:\n%s", s.said)
		}
	})
	return s
}

// answer is what a server said to a request.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

// call makes one request; a body makes it JSON.
func call(base, token, method, path, body string, header http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if !strings.HasPrefix(path, "http://") {
		path = base + path
	}
	r, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		r.Header.Set("Authorization", "token "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, got.Header, text}, err
}
