package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"rehome/internal/testenv"
)

// forge is a real one, with somebody who moves repositories there. Repositories at the source lie in root.
type forge struct {
	*testenv.Gitea
	user  testenv.GiteaUser
	token string // of user, with the scopes that hints ask for
	root  string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{Gitea: testenv.NewGitea(t), root: t.TempDir()}
	f.user = f.User(t, "ada")
	f.token = f.NewToken(t, f.user, "write:repository", "write:user", "write:organization")
	return f
}

// at is the URL of a repository at the forge.
func (f *forge) at(name string) string { return f.URL + "/" + name + ".git" }

// signed is that URL for git, with what signs in there.
func (f *forge) signed(name string) string {
	return strings.Replace(f.at(name), "://", "://"+f.user.Name+":"+f.token+"@", 1)
}

// source is the folder of a repository to be moved.
func (f *forge) source(name string) string { return filepath.Join(f.root, name+".git") }

// said is what a run of the program came to.
type said struct {
	code     int
	out, err string
}

// rehome runs the program with the token; a dash as the token runs it without one.
func (f *forge) rehome(t *testing.T, token string, args ...string) said {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = f.root
	cmd.Env = append(testenv.Env(), "XDG_STATE_HOME="+filepath.Join(f.root, "state"))
	if token != "-" {
		cmd.Env = append(cmd.Env, "REHOME_DEST_PASSWORD="+token, "REHOME_SOURCE_PASSWORD="+token)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	s := said{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	if token != "-" && strings.Contains(s.out+s.err, token) {
		t.Errorf("rehome shows the token:\n%s%s", s.out, s.err)
	}
	return s
}

// moves wants a run to end well.
func (f *forge) moves(t *testing.T, args ...string) said {
	t.Helper()
	s := f.rehome(t, f.token, append([]string{"import"}, args...)...)
	if s.code != 0 {
		t.Fatalf("exit code %d\n%s%s", s.code, s.out, s.err)
	}
	return s
}

// fails wants a run to end with exit code 1 and two lines, which hold the words in order, before where the state is kept.
func (s said) fails(t *testing.T, words ...string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(s.err, "\n"), "\n")
	if last := len(lines) - 1; strings.HasPrefix(lines[last], "        What is finished is kept in ") {
		lines = lines[:last]
	}
	if s.code != 1 || len(lines) < 2 || !strings.HasPrefix(lines[len(lines)-2], "rehome: ") || !strings.HasPrefix(lines[len(lines)-1], "        ") {
		t.Fatalf("exit code %d\n%s%s", s.code, s.out, s.err)
	}
	rest := strings.Join(lines[len(lines)-2:], "\n")
	for _, word := range words {
		_, after, ok := strings.Cut(rest, word)
		if !ok {
			t.Errorf("it does not say %q here:\n%s", word, s.err)
			return
		}
		rest = after
	}
}

// has wants a clone of what is at the forge to have the refs and the default branch of a source, and nothing else.
func (f *forge) has(t *testing.T, name, source string) {
	t.Helper()
	want, have := carried(t, source), carried(t, f.clone(t, name))
	if strings.Join(want, "\n") != strings.Join(have, "\n") {
		t.Fatalf("refs differ\nsource:\n%s\nforge:\n%s", strings.Join(want, "\n"), strings.Join(have, "\n"))
	}
}

// clone mirrors a repository of the forge and has git check it.
func (f *forge) clone(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone.git")
	testenv.Git(t, "", "clone", "-q", "--mirror", f.signed(name), dir)
	testenv.Git(t, dir, "fsck", "--full", "--no-dangling")
	return dir
}

// push makes a commit on a branch of a repository at the forge, as somebody else would, and returns its id.
func (f *forge) push(t *testing.T, name, from, to string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work")
	testenv.Git(t, "", "clone", "-q", "--branch", from, f.signed(name), dir)
	testenv.Git(t, dir, "commit", "-q", "--allow-empty", "-m", "by somebody else")
	testenv.Git(t, dir, "push", "-q", "origin", "HEAD:refs/heads/"+to)
	return testenv.Git(t, dir, "rev-parse", "HEAD")
}

// setting is what the forge's API says of a repository.
func (f *forge) setting(t *testing.T, name, key string) any {
	t.Helper()
	var all map[string]any
	f.Call(t, http.MethodGet, "/repos/"+name, nil, &all)
	return all[key]
}

// gate stands before the forge, counts the bytes of pushes and can hold one up. Safe for concurrent use.
type gate struct {
	URL string

	mu     sync.Mutex
	pushed int64         // guarded by mu, as the next
	most   int64         // of a push that is held up after so many bytes; 0 for none
	held   chan struct{} // closed when one is
	free   chan struct{} // closed to end that one
}

func newGate(t *testing.T, f *forge) *gate {
	t.Helper()
	to, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{held: make(chan struct{}), free: make(chan struct{})}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			r.Body = &gated{r.Body, g}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		g.release()
		s.CloseClientConnections()
		s.Close()
	})
	g.URL = s.URL
	return g
}

// at is the URL of a repository by way of the gate.
func (g *gate) at(name string) string { return g.URL + "/" + name + ".git" }

// take returns how many bytes were pushed since it was called last.
func (g *gate) take() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.pushed
	g.pushed = 0
	return n
}

// hold holds up a push after so many bytes, until release breaks it off and lets all others through.
func (g *gate) hold(after int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = after
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most > 0 {
		g.most = 0
		close(g.free)
	}
}

// gated is the body of a push.
type gated struct {
	io.ReadCloser
	g *gate
}

func (b *gated) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.g.mu.Lock()
	b.g.pushed += int64(n)
	stop := b.g.most > 0 && b.g.pushed >= b.g.most
	if stop {
		select {
		case <-b.g.held:
		default:
			close(b.g.held)
		}
	}
	b.g.mu.Unlock()
	if stop {
		<-b.g.free
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// hasNothing wants no repository of that name at the forge.
func (f *forge) hasNothing(t *testing.T, name string) {
	t.Helper()
	if got := f.Status(t, "/repos/"+name); got != http.StatusNotFound {
		t.Errorf("%s is there: status %d", name, got)
	}
}

// people is a mailmap that gives each author of a synthetic repository another name.
func people(name string) string {
	var b strings.Builder
	for n := range 25 {
		fmt.Fprintf(&b, "%s %d <%d@new.example> <author%d@example.com>\n", name, n, n, n)
	}
	return b.String()
}
