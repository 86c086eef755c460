package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// TestKilledBatchGoesOn kills a batch while one of its repositories is on its way, and runs it again.
func TestKilledBatchGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := []string{"source,destination,receipt"}
	stuck, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	url := testenv.ServeGit(t, filepath.Join(dir, "src"), testenv.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/2.git") {
				once.Do(func() { close(stuck) })
				select {
				case <-release:
				case <-r.Context().Done():
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}})
	for n := range 5 {
		testenv.Synthetic(t, filepath.Join(dir, "src", fmt.Sprint(n)+".git"), "sha1", testenv.Size{Commits: 10 + n})
		list = append(list, fmt.Sprintf("%s/%d.git,out/%d.git,%d.json", url, n, n, n))
	}
	if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte(strings.Join(list, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	batch := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.CommandContext(ctx, program, "batch", "--parallel", "1", "--state", "state", "list.csv")
		var out bytes.Buffer
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, testenv.Env(), &out, &out
		return cmd, &out
	}
	first, out := batch()
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stuck:
	case <-ctx.Done():
		t.Fatalf("the third repository was never asked for: %s", out)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.Wait() //nolint:errcheck // it was killed
	close(release)
	again, out := batch()
	if err := again.Run(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := "5 repositories: 5 done; 2 of them in an earlier run"; !strings.Contains(out.String(), want) {
		t.Errorf("got %s, want %q", out, want)
	}
	for n := range 5 {
		from, to := filepath.Join(dir, "src", fmt.Sprint(n)+".git"), filepath.Join(dir, "out", fmt.Sprint(n)+".git")
		if got, want := testenv.ShowRefs(t, to), testenv.ShowRefs(t, from); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d: got %v, want %v", n, got, want)
		}
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprint(n)+".json")); err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "out"))
	if err != nil || len(entries) != 5 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestInterruptedBatch says how to go on, and the same command does.
func TestInterruptedBatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	asked := make(chan struct{})
	var once sync.Once
	url := testenv.ServeGit(t, dir, testenv.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			once.Do(func() { close(asked) })
			<-r.Context().Done()
		})
	}})
	testenv.Synthetic(t, filepath.Join(dir, "a.git"), "sha1", testenv.Size{Commits: 3})
	text := fmt.Sprintf("source,destination\n%s,out/a.git\n%s/b.git,out/b.git\n%s/c.git,out/c.git\n", filepath.Join(dir, "a.git"), url, url)
	if err := os.WriteFile(filepath.Join(dir, "list.csv"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "batch", "--parallel", "1", "--state", "state", "--results", "results.csv", "list.csv")
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, time.Minute
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, testenv.Env(), &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	cancel()
	cmd.Wait() //nolint:errcheck // the code says it
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130: %s", code, &out)
	}
	for _, want := range []string{"3 repositories: 1 done, 2 not done yet", "run the same command again"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want %q", &out, want)
		}
	}
	results, err := os.ReadFile(filepath.Join(dir, "results.csv"))
	if err != nil || !strings.Contains(string(results), "/b.git,out/b.git,interrupted,130,") || !strings.Contains(string(results), "/c.git,out/c.git,waiting,0,") {
		t.Errorf("results: %s, %v", results, err)
	}
}
