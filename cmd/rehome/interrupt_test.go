package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rehome/internal/importer"
	"rehome/internal/testenv"
)

// TestSecondInterruptEndsAtOnce: a move that does not come to its end after Ctrl-C ends with the second one, and leaves
// nothing at its destination.
func TestSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Synthetic(t, filepath.Join(dir, "a.git"), "sha1", testenv.Size{Commits: 20})
	cmd := exec.Command(os.Args[0], "import", "a.git", "deep/er/b.git", "--commit-map", "map")
	cmd.Dir, cmd.Env = dir, append(testenv.Env(), faultIn+"=hang-change 3")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, lines := "", bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "fault met") {
		said += lines.Text() + "\n"
	}
	ended := make(chan struct{})
	go func() { // nobody knows when a key is pressed
		for {
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
				cmd.Process.Signal(syscall.SIGINT)
			}
		}
	}()
	rest, _ := io.ReadAll(out)
	err = cmd.Wait()
	close(ended)
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("it ended with %d: %v\n%s%s", code, err, said, rest)
	}
	want := "rehome: ended at once\n        Nothing half-done is left behind; run the same command again.\n        rehome import a.git deep/er/b.git --commit-map map\n"
	if !strings.HasSuffix(string(rest), want) {
		t.Errorf("it said\n%s, not\n%s", rest, want)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// TestInterrupts: what is shown is told of the first, and closed before the last words; all that is left is said, each once.
func TestInterrupts(t *testing.T) {
	var said bytes.Buffer
	code := 0
	m := &Main{Stderr: &said, Getenv: func(string) string { return "" }, args: []string{"batch", "list.csv"}}
	i := &interrupts{main: m, exit: func(c int) { code = c }, shows: map[int]drawn{}, leaves: map[int]func() string{}}
	m.interrupts = i
	order := []string{}
	note := func(what string) func() { return func() { order = append(order, what) } }
	gone := i.show(drawn{note("gone stops"), note("gone closes")})
	i.show(drawn{note("stops"), note("closes")})
	gone()
	i.leave(func() string { return "It is kept." })()
	i.leave(func() string { return "Nothing is left." })
	i.leave(func() string { return "Nothing is left." })
	i.stops()
	i.endNow()
	if got := strings.Join(order, ", "); got != "stops, closes" {
		t.Errorf("in this order: %s", got)
	}
	want := "rehome: ended at once\n        Nothing is left.\n        rehome batch list.csv\n"
	if code != exitInterrupted || said.String() != want {
		t.Errorf("it ended with %d and said\n%s", code, said.String())
	}
}

// TestInterruptOfAHungTerminal: one that takes no words keeps the command from no end, and what was half done goes.
func TestInterruptOfAHungTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hung := make(chan struct{})
		m := &Main{Stderr: writerFunc(func(p []byte) (int, error) { <-hung; return len(p), nil }), Getenv: func(string) string { return "" }}
		ended, cleared := 0, false
		i := &interrupts{main: m, exit: func(code int) { ended = code }, shows: map[int]drawn{}, leaves: map[int]func() string{}}
		i.show(drawn{stops: func() { <-hung }, close: func() { <-hung }})
		i.leave(func() string { cleared = true; return "" })
		within(wordsTake, i.stops)
		i.endNow()
		if ended != exitInterrupted || !cleared {
			t.Errorf("it ended with %d, and cleared away: %t", ended, cleared)
		}
		close(hung)
	})
}

// TestLeftIsOurs: a run that waits for another with the same destination clears nothing of that away.
func TestLeftIsOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a.git")
	work := importer.Incoming(dir)
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatal(err)
	}
	var begun atomic.Bool
	left := (&Main{}).left(dir, nil, &begun)
	if text := left(); !strings.HasPrefix(text, "Nothing half-done") {
		t.Error(text)
	}
	if _, err := os.Stat(work); err != nil {
		t.Error("the other's work is gone")
	}
	begun.Store(true)
	left()
	if _, err := os.Stat(work); err == nil {
		t.Error("our own work is left")
	}
}

// TestAgain: what goes on can be pasted into a shell, and holds no password.
func TestAgain(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"import|https://forge.example/a.git|b.git", "rehome import https://forge.example/a.git b.git"},
		{"import|https://ada:canary@forge.example/a.git|it's", `rehome import 'https://***@forge.example/a.git' 'it'\''s'`},
		{"import|https://canary@forge.example/a.git|b c", "rehome import 'https://***@forge.example/a.git' 'b c'"},
		{"import|ssh://git:canary@forge.example/a|git@forge.example:b", "rehome import 'ssh://git:***@forge.example/a' git@forge.example:b"},
		{"import|ssh://git@forge.example/a|--refs|release/*", "rehome import ssh://git@forge.example/a --refs 'release/*'"},
		{"check|--database=postgres://rehome:canary@db.example/rehome", "rehome check '--database=postgres://***@db.example/rehome'"},
		{"import|HTTPS://canary@forge.example/a.git|b", "rehome import 'HTTPS://***@forge.example/a.git' b"},
		{"import|https://forge.example/a.git?x=1&private_token=canary&y=2|b", "rehome import 'https://forge.example/a.git?x=1&private_token=***&y=2' b"},
		{"check|--database=host=db user=rehome password='can ary canary' dbname=a", "rehome check '--database=host=db user=rehome password=*** dbname=a'"},
		{"check|--bucket|s3://bucket?key=canary&secret_key=canary", "rehome check --bucket 's3://bucket?key=***&secret_key=***'"},
		{"import|--ssh-key=id|--commit-map=tokens|a|b", "rehome import --ssh-key=id --commit-map=tokens a b"},
		{"import|http://127.0.0.1:8080/a@b.git|", "rehome import http://127.0.0.1:8080/a@b.git ''"},
	} {
		if got := again(strings.Split(c.args, "|")); got != c.want || strings.Contains(got, "canary") {
			t.Errorf("%s\n got %s\nwant %s", c.args, got, c.want)
		}
	}
}

// TestEveryErrorSaysWhatToDo: also those that nobody has thought of.
func TestEveryErrorSaysWhatToDo(t *testing.T) {
	for _, err := range []error{
		errors.New("something else"), &os.PathError{Op: "open", Path: "a", Err: syscall.ENOSPC}, &os.PathError{Op: "open", Path: "a", Err: syscall.ENOTDIR},
		&os.PathError{Op: "open", Path: "a", Err: syscall.EISDIR}, &os.PathError{Op: "open", Path: "a", Err: syscall.EROFS},
	} {
		if what, todo := explain(err); what == "" || todo == "" || strings.HasPrefix(todo, "Run the same") != (err.Error() == "something else") {
			t.Errorf("%v: %q, %q", err, what, todo)
		}
	}
}
