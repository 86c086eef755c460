package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// heldBack serves the repositories below a folder, and keeps back the rest of the packs of some after a part of them.
type heldBack struct {
	url string

	mu    sync.Mutex
	gates map[string]chan struct{} // by repository; guarded by mu
}

// heldBytes of a pack go out at once and as many slowly, so that progress is told a few times; and then nothing.
const heldBytes = 300 << 10

// newHeldBack makes repositories of these names in root, and serves them.
func newHeldBack(t *testing.T, root string, names ...string) *heldBack {
	t.Helper()
	h := &heldBack{gates: map[string]chan struct{}{}}
	for _, name := range names {
		testenv.Synthetic(t, filepath.Join(root, name), "sha1", testenv.Size{Commits: 1500})
		h.gates[name] = make(chan struct{})
	}
	h.url = testenv.ServeGit(t, root, testenv.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(&heldWriter{ResponseWriter: w, gate: h.gate(r.URL.Path), done: r.Context().Done()}, r)
		})
	}})
	t.Cleanup(func() {
		for _, name := range names {
			h.release(name)
		}
	})
	return h
}

func (h *heldBack) gate(path string) chan struct{} {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gates[name]
}

// release lets the rest go.
func (h *heldBack) release(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.gates[name] != nil {
		close(h.gates[name])
		h.gates[name] = nil
	}
}

type heldWriter struct {
	http.ResponseWriter
	gate <-chan struct{} // nil holds nothing back
	done <-chan struct{}
	sent int
}

func (w *heldWriter) Write(p []byte) (int, error) {
	if w.gate != nil && w.sent >= heldBytes {
		w.ResponseWriter.(http.Flusher).Flush()
		slowly := time.After(200 * time.Millisecond)
		if w.sent >= 2*heldBytes {
			slowly = nil
		}
		select {
		case <-w.gate:
		case <-w.done:
		case <-slowly:
		}
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += n
	return n, err
}

// step finds the one line of a step.
func step(t *testing.T, lines []string, name string) string {
	t.Helper()
	is := regexp.MustCompile(`^(. ` + name + `\b|. \S+ +` + name + `\b)`)
	found := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !is.MatchString(line) })
	if len(found) != 1 {
		t.Errorf("%d lines of %s in\n%s", len(found), name, strings.Join(lines, "\n"))
		return ""
	}
	return found[0]
}

// halfFetched waits for a percentage.
func halfFetched(lines []string) bool {
	return regexp.MustCompile(`fetch.*[█░#-] +\d+%`).MatchString(strings.Join(lines, "\n"))
}

// TestTerminalBars: a bar for each step at any width, also while that changes, and at the end a line for each and what came of it.
func TestTerminalBars(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := newHeldBack(t, root, "40", "80", "200")
	for _, columns := range []int{40, 80, 200} {
		name := map[int]string{40: "40", 80: "80", 200: "200"}[columns]
		s := newScreen(t, columns, nil, "rehome import "+h.url+"/"+name+" out.git")
		lines := s.await("half a fetch", halfFetched)
		if s.wraps() {
			t.Error("lines are wrapped")
		}
		for _, name := range []string{"detect", "fetch", "rewrite", "push"} {
			step(t, lines, name)
		}
		if long := strings.Contains(step(t, lines, "fetch"), "commits"); long != (columns == 200) {
			t.Errorf("at %d columns numbers stand beside the bar: %t", columns, long)
		}
		for _, width := range []int{50, 130, 30, columns} { // nothing tears
			s.resize(width)
			s.await("the steps at their new width", func(lines []string) bool { return drawnFor(lines, width) && !s.wraps() })
		}
		h.release(name)
		lines = s.awaitEnd(0)
		s.endsWell(lines)
	}
}

// drawnFor reports whether the steps are drawn as for so many columns, and once.
func drawnFor(lines []string, columns int) bool {
	text, numbers := strings.Join(lines, "\n"), `\n {20}\d+ commits`
	switch {
	case columns < 60:
		numbers = `\n  \d+ commits`
	case columns > 120:
		numbers = `fetch .*\d+ commits`
	}
	once := func(what string) bool { return strings.Count(text, what) == 1 }
	return once("detect") && once("fetch") && once("commits") && once("push") && regexp.MustCompile(numbers).MatchString(text)
}

// endsWell wants a line for each step, what came of them, and the cursor in sight.
func (s *screen) endsWell(lines []string) {
	s.tb.Helper()
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		`(?m)^✓ detect +\d.*\n✓ fetch +\d+\.\d s  1500 com.*\n✓ rewrite .*\n✓ push `, `commits, \d+ refs and \d+ authors are`, `(?m)^  received +\d`,
		`(?m)^  on disk +\d`, `(?m)^  time +\d.*: detect \d`, `(?m)^  next +git clone out\.git$`,
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			s.tb.Errorf("nothing is like %s in\n%s", want, text)
		}
	}
	for _, bad := range []string{"█", "░", "▸"} {
		if strings.Contains(text, bad) {
			s.tb.Errorf("a bar is left:\n%s", text)
		}
	}
	if flag := strings.TrimSpace(s.tmux("display-message", "-p", "#{cursor_flag}")); flag != "1" {
		s.tb.Errorf("the cursor is out of sight")
	}
}

// TestTerminalInterrupt: Ctrl-C leaves nothing, neither in the folder nor half a line, and says how to go on.
func TestTerminalInterrupt(t *testing.T) {
	t.Parallel()
	h := newHeldBack(t, t.TempDir(), "a.git")
	s := newScreen(t, 80, nil, "rehome import "+h.url+"/a.git sub/out.git")
	s.await("half a fetch", halfFetched)
	s.keys("C-c")
	lines := s.awaitEnd(130)
	end := lines[len(lines)-4:]
	if end[0] != "rehome: interrupted" || !strings.Contains(end[1], "Nothing half-done is left behind") || strings.TrimSpace(end[2]) != "rehome import "+h.url+"/a.git sub/out.git" {
		t.Errorf("its last words:\n%s", strings.Join(end, "\n"))
	}
	if line := step(t, lines, "fetch"); !strings.HasPrefix(line, "✗ fetch") || !strings.Contains(line, "stopped at ") {
		t.Errorf("the step says %q", line)
	}
	if !strings.Contains(string(s.written()), "stopping; press Ctrl-C again to end at once") {
		t.Error("it did not say that it stops")
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() != ".state" }) {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// TestTerminalStopped: Ctrl-Z and fg leave alone what others wrote meanwhile.
func TestTerminalStopped(t *testing.T) {
	t.Parallel()
	h := newHeldBack(t, t.TempDir(), "a.git")
	s := newScreen(t, 80, nil, "set -m; rehome import "+h.url+"/a.git out.git; echo one; echo two; echo three; sleep 1; fg")
	s.await("half a fetch", halfFetched)
	s.keys("C-z")
	lines := s.await("the steps below what was written", func(lines []string) bool {
		_, below, _ := strings.Cut(strings.Join(lines, "\n"), "\nthree\n")
		return halfFetched(strings.Split(below, "\n"))
	})
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "one\ntwo\nthree\n") {
		t.Errorf("what was written is gone:\n%s", text)
	}
	h.release("a.git")
	s.awaitEnd(0)
}

var (
	painted = regexp.MustCompile("\x1b\\[[0-9;]*m")
	escaped = regexp.MustCompile("\x1b")
)

// TestTerminalColours: colours on a terminal, none with NO_COLOR, neither these nor bars with TERM=dumb, and no other marks than the
// locale has.
func TestTerminalColours(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "a.git"), "sha1", testenv.Size{Commits: 30})
	url := testenv.ServeGit(t, root, testenv.Options{})
	for _, c := range []struct {
		name                string
		env                 []string
		paint, escape, mark bool
	}{
		{"as usual", nil, true, true, true},
		{"NO_COLOR", []string{"NO_COLOR=1"}, false, true, true},
		{"dumb", []string{"TERM=dumb"}, false, false, false},
		{"no UTF-8", []string{"LC_ALL=C"}, true, true, false},
	} {
		s := newScreen(t, 80, c.env, "rehome import "+url+"/a.git out.git; rehome import "+url+"/none.git none.git")
		lines := s.awaitEnd(1)
		raw := s.written()
		if painted.Match(raw) != c.paint || escaped.Match(raw) != c.escape || strings.Contains(string(raw), "✓") != c.mark {
			t.Errorf("%s: wrote %q", c.name, raw)
		}
		if !c.mark && slices.ContainsFunc(raw, func(b byte) bool { return b > 0x7f }) {
			t.Errorf("%s: wrote other than ASCII: %q", c.name, raw)
		}
		if dumb := slices.Contains(lines, "importing"); dumb != (c.name == "dumb") {
			t.Errorf("%s: plain lines: %t", c.name, dumb)
		}
		if strings.Contains(string(raw), "\x1b[31mrehome:\x1b[0m") != c.paint {
			t.Errorf("%s: errors are painted otherwise: %q", c.name, raw)
		}
	}
}

// TestTerminalOfPipes: what goes elsewhere than to the terminal is text, stream by stream.
func TestTerminalOfPipes(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "a.git"), "sha1", testenv.Size{Commits: 30})
	url := testenv.ServeGit(t, root, testenv.Options{})
	s := newScreen(t, 80, nil, "rehome import "+url+"/a.git one.git 2>said; rehome import "+url+"/a.git two.git >out; rehome import "+url+"/none.git none.git 2>>said")
	lines := s.awaitEnd(1)
	for _, name := range []string{"said", "out"} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil || len(text) == 0 || escaped.Match(text) || strings.ContainsAny(string(text), "✓\r") {
			t.Errorf("%s got %q, %v", name, text, err)
		}
	}
	if text := strings.Join(lines, "\n"); strings.Count(text, "✓ push") != 1 || !strings.Contains(text, "  moved     30 commits, ") {
		t.Errorf("the terminal shows\n%s", text)
	}
}

// TestTerminalBatch: a line for each row under way, one for all of them, and one for each that ended.
func TestTerminalBatch(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	h := newHeldBack(t, root, "first.git", "second.git")
	testenv.Synthetic(t, filepath.Join(root, "third.git"), "sha1", testenv.Size{Commits: 30})
	list := "source,destination\n"
	for _, name := range []string{"third.git", "none.git", "first.git", "second.git"} {
		list += h.url + "/" + name + ",out/" + name + "\n"
	}
	if err := os.WriteFile(filepath.Join(root, "list.csv"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newScreen(t, 80, nil, "rehome batch "+filepath.Join(root, "list.csv")+" --parallel 2")
	lines := s.await("two rows under way", func(lines []string) bool {
		text := strings.Join(lines, "\n")
		return regexp.MustCompile(`▸ first\.git .*%`).MatchString(text) && regexp.MustCompile(`▸ second\.git .*%`).MatchString(text)
	})
	if s.wraps() {
		t.Error("lines are wrapped")
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{`(?m)^✓ \S+third\.git -> out/third\.git: done, 30 commits in `, `(?m)^✗ \S+none\.git -> out/none\.git: failed$`, `(?m)^  1 of 4 done, 1 failed, 2 left, `} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("nothing is like %s in\n%s", want, text)
		}
	}
	h.release("first.git")
	s.awaitText("2 of 4 done")
	h.release("second.git")
	lines = s.awaitEnd(1)
	if s.wraps() {
		t.Error("lines are wrapped")
	}
	if text := strings.Join(lines, "\n"); !strings.Contains(text, "4 repositories: 3 done, 1 failed") || strings.Contains(text, "▸") {
		t.Errorf("it ends with\n%s", text)
	}
}
