package git

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/transport"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

func TestDetectOverSSHAndGit(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	g := newGit(t, egress.Policy{})
	for name, l := range transports(t, root, "r.git") {
		found, err := g.Detect(t.Context(), l)
		if err != nil || found.VCS != rehome.Git {
			t.Errorf("%s: %v, %v", name, found, err)
		}
		if l.URL == nil {
			continue
		}
		at := *l.URL
		at.Path = strings.Replace(at.Path, "r.git", "missing.git", 1)
		l.URL = &at
		if _, err := g.Detect(t.Context(), l); rehome.CodeOf(err) != rehome.NotARepository {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A connection that ends in the middle of a pack leaves nothing.
func TestCutOffOverSSH(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 200})
	s := testenv.ServeSSH(t, root, testenv.SSHOptions{Force: "git-upload-pack " + filepath.Join(root, "r.git") + " | dd bs=1 count=3000 status=none"})
	l := location(t, s.URL+"/r.git")
	l.Key = rehome.Secret(s.Key)
	_, dir, err := fetch(t, newGit(t, egress.Policy{}), l)
	wantFailure(t, "cut", dir, err, rehome.SourceCutOff)
}

// A host that was met before and shows another key is not read from.
func TestChangedHostKey(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 1})
	s := testenv.ServeSSH(t, root, testenv.SSHOptions{})
	l := location(t, s.URL+"/r.git")
	l.Key = rehome.Secret(s.Key)
	g := newGit(t, egress.Policy{})
	if _, err := g.Detect(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	s.Rekey(t)
	met := s.Met()
	_, dir, err := fetch(t, g, l)
	wantFailure(t, "changed", dir, err, rehome.CredentialsRefused)
	if s.Met() != met+1 {
		t.Errorf("asked %d times", s.Met()-met)
	}
}

// lfsOverSSH serves lfsRepository over SSH, with a grant that leads to its objects.
func lfsOverSSH(t *testing.T, grant func(url string) string) (*lfsWorld, remote.Location) {
	t.Helper()
	w := &lfsWorld{}
	root := t.TempDir()
	lfsRepository(t, filepath.Join(root, "tree"), "")
	testenv.Git(t, root, "clone", "-q", "--bare", "tree", "old.git")
	for _, content := range lfsContents {
		w.Add(content)
	}
	web := httptest.NewServer(w.Before(nil))
	t.Cleanup(web.Close)
	s := testenv.ServeSSH(t, root, testenv.SSHOptions{Bin: map[string]string{"git-lfs-authenticate": grant(web.URL)}})
	l := location(t, s.URL+"/old.git")
	l.Key = rehome.Secret(s.Key)
	return w, l
}

func TestLFSOverSSH(t *testing.T) {
	w, l := lfsOverSSH(t, func(url string) string {
		return fmt.Sprintf(`echo '{"href": "%s/old.git/info/lfs", "header": {"Authorization": "RemoteAuth canary"}}'`, url)
	})
	f, err := fetchLFS(t, newGit(t, egress.Policy{}), l, lfsObjects())
	if err != nil {
		t.Fatal(err)
	}
	f.wantAll(t)
	if len(w.Requests()) == 0 {
		t.Error("nobody was asked")
	}
}

// A grant that has run out after the first object is asked for anew, and what came does not come again.
func TestLFSGrantThatRunsOut(t *testing.T) {
	first, renewed := make(chan struct{}), atomic.Bool{}
	var gets atomic.Int64
	count := filepath.Join(t.TempDir(), "count")
	var w *lfsWorld
	w, l := lfsOverSSH(t, func(string) string {
		front := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			grant := r.Header.Get("Authorization")
			switch {
			case r.Method == http.MethodPost && grant == "Grant 11":
				renewed.Store(true)
			case r.Method == http.MethodPost && grant == "Grant 1" && gets.Load() == 0:
			case r.Method == http.MethodPost:
				out.WriteHeader(http.StatusUnauthorized)
				return
			case gets.Add(1) > 1 && !renewed.Load():
				<-first
				out.WriteHeader(http.StatusForbidden)
				return
			}
			w.ServeHTTP(out, r)
		}))
		t.Cleanup(front.Close)
		return fmt.Sprintf(`printf 1 >>%s; echo '{"href": "%s/old.git/info/lfs", "header": {"Authorization": "Grant '$(cat %s)'"}}'`, count, front.URL, count)
	})
	dir := filepath.Join(t.TempDir(), "raw")
	g := newGit(t, egress.Policy{})
	got, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	store, err := lfs.Local(filepath.Join(dir, "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Int64
	res, err := g.FetchLFS(t.Context(), source.LFSRequest{
		Location: l, Repo: got.Repo, Head: got.Head, Objects: lfsObjects(), Store: store,
		Done: func(lfs.Object) {
			if done.Add(1) == 1 {
				close(first)
			}
		},
	})
	if err != nil || len(res.Missing) > 0 || done.Load() != int64(len(lfsContents)) {
		t.Errorf("%d done, missing %v, %v, %v", done.Load(), res.Missing, res.Why, err)
	}
	if said, err := os.ReadFile(count); string(said) != "11" {
		t.Errorf("granted %q, %v", said, err)
	}
}

func TestNoLFSOverSSH(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		says   string
	}{
		"none":   {"echo no such command >&2; exit 127", "The source gives no right to Git LFS objects over SSH: it says \"no such command\"."},
		"denied": {"echo access denied >&2; exit 1", "The source refuses this: \"access denied\"."},
	} {
		_, l := lfsOverSSH(t, func(string) string { return c.script })
		f, err := fetchLFS(t, newGit(t, egress.Policy{}), l, lfsObjects())
		if err != nil {
			t.Fatal(err)
		}
		var why *rehome.Error
		if len(f.Missing) != len(lfsContents) || !errors.As(f.Why, &why) || why.Message != c.says {
			t.Errorf("%s: %d missing, %v", name, len(f.Missing), f.Why)
		}
	}
}

// By default a server does not reach itself, whatever the scheme.
func TestPolicyHoldsForSSHAndGit(t *testing.T) {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 1})
	g := New(Options{Client: client, SSH: transport.SSH{Pins: filepath.Join(t.TempDir(), "known_hosts")}})
	for name, l := range transports(t, root, "r.git") {
		if l.URL == nil {
			continue
		}
		if _, err := g.Detect(t.Context(), l); rehome.CodeOf(err) != rehome.BlockedByPolicy {
			t.Errorf("%s: %v", name, err)
		}
	}
}
