package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// screen is a real terminal, tmux, in which one command runs.
type screen struct {
	tb     testing.TB
	dir    string // the command's
	socket string
	raw    string // the file that gets each byte the command writes
}

// ended is what stands on a screen once its command has, with the exit code.
const ended = "=> "

// newScreen runs a command line of sh in a terminal of so many columns; env has NAME=VALUE.
func newScreen(t testing.TB, columns int, env []string, command string) *screen {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatalf("the tests of the terminal want tmux: %v", err)
	}
	short, err := os.MkdirTemp("", "rt") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	s := &screen{tb: t, dir: t.TempDir(), socket: filepath.Join(short, "s"), raw: filepath.Join(short, "raw")}
	line := fmt.Sprintf("trap : INT; stty -echo; read go; stty echo; %s; echo '%s'$?; exec cat", command, ended)
	args := []string{"-u", "-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(columns), "-y", "24", "-c", s.dir, "env", "-i"}
	args = append(args, testenv.Env()...)
	args = append(args, "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "TERM=screen", "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+s.dir+"/.state")
	s.tmux(append(append(args, env...), "sh", "-c", line)...)
	t.Cleanup(func() { s.try("kill-server") }) //nolint:errcheck // it may have ended
	s.tmux("pipe-pane", "-o", "cat >"+s.raw)
	s.keys("Enter")
	return s
}

func (s *screen) try(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...)
	cmd.Env = append(testenv.Env(), "LC_ALL=C.UTF-8", "TERM=screen")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *screen) tmux(args ...string) string {
	s.tb.Helper()
	out, err := s.try(args...)
	if err != nil {
		s.tb.Fatalf("tmux %s: %v\n%s", args[0], err, out)
	}
	return out
}

// keys presses keys, by tmux's names.
func (s *screen) keys(keys ...string) {
	s.tb.Helper()
	s.tmux(append([]string{"send-keys"}, keys...)...)
}

func (s *screen) resize(columns int) {
	s.tb.Helper()
	s.tmux("resize-window", "-x", fmt.Sprint(columns), "-y", "24")
}

// lines is what the screen shows, without empty lines.
func (s *screen) lines() []string {
	s.tb.Helper()
	return there(s.tmux("capture-pane", "-p"))
}

func there(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// await waits until the screen shows what is wanted, and returns it.
func (s *screen) await(what string, wanted func(lines []string) bool) []string {
	s.tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		lines := s.lines()
		if wanted(lines) {
			return lines
		}
		if time.Now().After(end) {
			s.tb.Fatalf("the screen never shows %s:\n%s", what, strings.Join(lines, "\n"))
		}
	}
}

// awaitText waits until a line of the screen has the text.
func (s *screen) awaitText(text string) []string {
	s.tb.Helper()
	return s.await(fmt.Sprintf("%q", text), func(lines []string) bool { return strings.Contains(strings.Join(lines, "\n"), text) })
}

// awaitEnd waits until the command has ended with this code.
func (s *screen) awaitEnd(code int) []string {
	s.tb.Helper()
	lines := s.awaitText(ended)
	if want := fmt.Sprintf("%s%d", ended, code); lines[len(lines)-1] != want {
		s.tb.Fatalf("it ended with %s, want %s:\n%s", lines[len(lines)-1], want, strings.Join(lines, "\n"))
	}
	return lines
}

// written is each byte that the command wrote until it ended.
func (s *screen) written() []byte {
	s.tb.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // it comes through a pipe
		text, err := os.ReadFile(s.raw)
		if before, _, whole := bytes.Cut(text, []byte(ended)); whole {
			return before
		}
		if time.Now().After(end) {
			s.tb.Fatalf("what the command wrote never came to its end: %q, %v", text, err)
		}
	}
}

// wraps reports whether a line of the screen goes on in the next.
func (s *screen) wraps() bool {
	s.tb.Helper()
	return len(there(s.tmux("capture-pane", "-p"))) != len(there(s.tmux("capture-pane", "-p", "-J")))
}
