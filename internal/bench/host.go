package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"rehome/internal/testenv"
)

// adminToken is the token the measured server starts with.
const adminToken = "rht_benchmarkbenchmarkbenchmark1"

// hostImport is a whole import of a running server into its own host, through the REST API.
func (l *lab) hostImport(ctx context.Context, dir string) (cost, error) {
	s, err := l.startServer(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	defer s.stop()
	c, err := s.measured(func() error { return s.importAndWait(ctx, l.from.URL) })
	if err != nil {
		return c, err
	}
	return c, l.checkPublished(ctx, dir)
}

func (l *lab) checkPublished(ctx context.Context, dir string) error {
	published, err := onlyRepository(filepath.Join(dir, "data", "host"))
	if err != nil {
		return err
	}
	return l.check(ctx, "import into the host", published)
}

// startServer starts a server with its data in dir, and a repository to import into.
func (l *lab) startServer(ctx context.Context, dir string, flags ...string) (*server, error) {
	s, err := startServer(ctx, l.rehome, dir, flags)
	if err != nil {
		return nil, err
	}
	if err := s.call(ctx, "POST", "/user/repos", `{"name": "bench"}`, nil); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// measured takes what the server uses while work goes on.
func (s *server) measured(work func() error) (cost, error) {
	before, err := processorTime(s.pid())
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	peak := testenv.WatchMemory(s.pid())
	err = work()
	c := cost{wall: time.Since(start).Seconds(), memory: peak()}
	if err != nil {
		return cost{}, err
	}
	after, err := processorTime(s.pid())
	c.cpu = after - before
	return c, err
}

// server is a running rehome serve.
type server struct {
	cmd  *exec.Cmd
	base string
}

func startServer(ctx context.Context, program, dir string, flags []string, env ...string) (*server, error) {
	flags = append([]string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--allow-network", "127.0.0.1"}, flags...)
	cmd := exec.CommandContext(ctx, program, flags...)
	cmd.Env = append(append(environment(), "REHOME_ADMIN_TOKEN="+adminToken), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	scan := bufio.NewScanner(out)
	for scan.Scan() {
		if _, url, ok := strings.Cut(scan.Text(), "listening on "); ok {
			s.base = url
			go io.Copy(io.Discard, out)
			return s, nil
		}
	}
	return nil, errors.Join(errors.New("the server ended before it listened"), cmd.Wait(), errors.New(said.String()))
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	s.cmd.Wait()
}

// importAndWait starts an import of url and polls until it ends.
func (s *server) importAndWait(ctx context.Context, url string) error {
	if err := s.start(ctx, map[string]any{"vcs": "git", "vcs_url": url}); err != nil {
		return err
	}
	return s.wait(ctx, "complete")
}

func (s *server) start(ctx context.Context, parameters map[string]any) error {
	body, err := json.Marshal(parameters)
	if err != nil {
		return err
	}
	return s.call(ctx, "PUT", benchImport, string(body), nil)
}

// benchImport is the import of the repository that startServer of a lab makes.
const benchImport = "/repos/admin/bench/import"

func (s *server) wait(ctx context.Context, want string) error {
	return s.waitFor(ctx, benchImport, want)
}

// waitFor polls until the import at a path has a status, and fails when it rests at another.
func (s *server) waitFor(ctx context.Context, path, want string) error {
	for {
		var got struct {
			Status, Message string
		}
		if err := s.call(ctx, "GET", path, "", &got); err != nil {
			return err
		}
		switch got.Status {
		case want:
			return nil
		case "importing", "mapping", "pushing", "detecting":
			time.Sleep(200 * time.Millisecond)
		default:
			return fmt.Errorf("the import ended %s: %s", got.Status, got.Message)
		}
	}
}

// call makes one request and decodes the answer into out: JSON, or a *[]byte as it is, or nil. A body that is not JSON is text.
func (s *server) call(ctx context.Context, method, path, body string, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "token "+adminToken)
	if !json.Valid([]byte(body)) {
		request.Header.Set("Content-Type", "text/plain")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = text
		return nil
	}
	return json.Unmarshal(text, out)
}

// onlyRepository finds the one bare repository below dir.
func onlyRepository(dir string) (string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "HEAD" && !d.IsDir() {
			found = append(found, filepath.Dir(path))
		}
		return err
	})
	if err == nil && len(found) != 1 {
		err = fmt.Errorf("%d repositories below %s, want 1", len(found), dir)
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}
