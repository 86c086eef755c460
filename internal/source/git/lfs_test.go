package git

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// lfsContents are the files of lfsRepository that are Git LFS objects.
var lfsContents = []string{"first picture\n", "second picture\n", strings.Repeat("large ", 100_000)}

// lfsRepository makes a work tree at dir with git-lfs, and its .lfsconfig, if that says anything.
func lfsRepository(t testing.TB, dir, config string) {
	t.Helper()
	testenv.Git(t, ".", "init", "-q", "-b", "main", dir)
	testenv.Git(t, dir, "lfs", "install", "--local", "--skip-smudge")
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
	if config != "" {
		write(".lfsconfig", config)
	}
	for i, content := range lfsContents {
		write(fmt.Sprintf("f%d.bin", i), content)
	}
	testenv.Git(t, dir, "add", "-A")
	testenv.Git(t, dir, "commit", "-q", "-m", "pictures")
}

func lfsObjects() (all []lfs.Object) {
	var server testenv.LFS
	for _, content := range lfsContents {
		all = append(all, server.Add(content))
	}
	return all
}

// lfsFetch fetches from l with g, the history and then the objects.
type lfsFetch struct {
	source.LFSResult
	store *lfs.Store
	done  []lfs.Object
}

func fetchLFS(t testing.TB, g *Git, l remote.Location, objects []lfs.Object) (*lfsFetch, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "raw")
	got, err := g.Fetch(t.Context(), source.Request{Location: l, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := &lfsFetch{}
	if f.store, err = lfs.Local(filepath.Join(dir, "lfs")); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	f.LFSResult, err = g.FetchLFS(t.Context(), source.LFSRequest{
		Location: l, Repo: got.Repo, Head: got.Head, Objects: objects, Store: f.store,
		Done: func(o lfs.Object) {
			mu.Lock()
			defer mu.Unlock()
			f.done = append(f.done, o)
		},
	})
	return f, err
}

func (f *lfsFetch) wantAll(t testing.TB) {
	t.Helper()
	if len(f.Missing) > 0 || len(f.done) != len(lfsContents) {
		t.Errorf("missing %v, why %v, told of %d", f.Missing, f.Why, len(f.done))
	}
	for _, o := range lfsObjects() {
		if has, err := f.store.Has(t.Context(), o); !has || err != nil {
			t.Errorf("no %s: %v", o.OID, err)
		}
	}
}

func parseLocation(t testing.TB, raw string) remote.Location {
	t.Helper()
	l, err := remote.Parse("vcs_url", raw)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func lfsReader(t testing.TB, p egress.Policy) *Git {
	t.Helper()
	client, err := egress.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return New(Options{Client: client, Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
}

// TestLFSFromAPath takes objects from a work tree, a linked one, and a bare repository.
func TestLFSFromAPath(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	tree, linked, bare := filepath.Join(root, "tree"), filepath.Join(root, "linked"), filepath.Join(root, "bare.git")
	lfsRepository(t, tree, "")
	testenv.Git(t, tree, "worktree", "add", "-q", "-b", "other", linked)
	testenv.Git(t, root, "clone", "-q", "--bare", tree, bare)
	if err := os.CopyFS(filepath.Join(bare, "lfs"), os.DirFS(filepath.Join(tree, ".git", "lfs"))); err != nil {
		t.Fatal(err)
	}
	g := lfsReader(t, egress.Policy{})
	for _, path := range []string{tree, filepath.Join(tree, ".git"), linked, bare} {
		f, err := fetchLFS(t, g, remote.Location{Path: path}, lfsObjects())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		f.wantAll(t)
	}
}

// TestLFSPathLacks: what is damaged or gone in a path's store is missing; its .lfsconfig may have another place for it.
func TestLFSPathLacks(t *testing.T) {
	t.Parallel()
	var server testenv.LFS
	for _, content := range lfsContents {
		server.Add(content)
	}
	other := httptest.NewServer(&server)
	defer other.Close()
	for _, config := range []string{"", "[lfs]\n\turl = " + other.URL + "/any/place/\n"} {
		dir := filepath.Join(t.TempDir(), "tree")
		lfsRepository(t, dir, config)
		all := lfsObjects()
		file := func(o lfs.Object) string {
			hex := o.OID.String()
			return filepath.Join(dir, ".git", "lfs", "objects", hex[:2], hex[2:4], hex)
		}
		if err := os.Chmod(file(all[0]), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(all[0]), []byte("FIRST PICTURE\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(file(all[1])); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(file(all[1]), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := fetchLFS(t, lfsReader(t, egress.Policy{AllowPrivate: true}), remote.Location{Path: dir}, all)
		if err != nil {
			t.Fatal(err)
		}
		if config != "" {
			f.wantAll(t)
			continue
		}
		folder := filepath.Join(dir, ".git", "lfs", "objects")
		if len(f.Missing) != 2 || !strings.Contains(rehome.AsError(f.Why).Message, " "+folder+";") || slices.Contains(f.Missing, all[2]) {
			t.Errorf("missing %v, why %v", f.Missing, f.Why)
		}
	}
}

// TestLFSPathAndServer: both places that were asked are named.
func TestLFSPathAndServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tree")
	lfsRepository(t, dir, "[lfs]\n\turl = http://127.0.0.1:1/r\n")
	folder := filepath.Join(dir, ".git", "lfs", "objects")
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	g := lfsReader(t, egress.Policy{AllowPrivate: true})
	if _, err := fetchLFS(t, g, remote.Location{Path: dir}, lfsObjects()); rehome.CodeOf(err) != rehome.Unreachable {
		t.Errorf("got %v", err)
	}
	store, err := lfs.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	raw := filepath.Join(t.TempDir(), "raw")
	got, err := g.Fetch(t.Context(), source.Request{Location: remote.Location{Path: dir}, Dir: raw})
	if err != nil {
		t.Fatal(err)
	}
	res, err := g.FetchLFS(t.Context(), source.LFSRequest{
		Location: remote.Location{Path: dir}, Repo: got.Repo, Head: got.Head, Objects: lfsObjects(), Store: store, AllowMissing: true,
	})
	if err != nil || len(res.Missing) != len(lfsContents) {
		t.Fatalf("missing %v, %v", res.Missing, err)
	}
	e := rehome.AsError(res.Why)
	if e.Code != rehome.Unreachable || !strings.Contains(e.Message, folder) || !strings.Contains(e.Message, "Git LFS server 127.0.0.1:1 (named by its .lfsconfig)") {
		t.Errorf("got %+v", e)
	}
}

// lfsWorld serves lfsRepository with its objects beside it.
type lfsWorld struct {
	testenv.LFS
	url  string
	auth atomic.Int64 // requests for Git LFS with credentials
}

func serveLFS(t testing.TB, config string, o testenv.Options) *lfsWorld {
	t.Helper()
	w := &lfsWorld{}
	root := t.TempDir()
	lfsRepository(t, filepath.Join(root, "tree"), config)
	testenv.Git(t, root, "clone", "-q", "--bare", "tree", "old.git")
	o.Wrap = func(h http.Handler) http.Handler {
		return w.Before(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved.git/info/refs" {
				http.Redirect(out, r, "/old.git/info/refs?"+r.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			h.ServeHTTP(out, r)
		}))
	}
	if o.User != "" {
		inner := o.Wrap
		o.Wrap = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
				user, password, _ := r.BasicAuth()
				if user != o.User || password != o.Password {
					out.WriteHeader(http.StatusUnauthorized)
					return
				}
				w.auth.Add(1)
				inner(h).ServeHTTP(out, r)
			})
		}
	}
	for _, content := range lfsContents {
		w.Add(content)
	}
	w.url = testenv.ServeGit(t, root, o)
	return w
}

// TestLFSFromAServer finds the objects as git-lfs does, and git-lfs finds them there, too.
func TestLFSFromAServer(t *testing.T) {
	t.Parallel()
	w := serveLFS(t, "", testenv.Options{})
	g := lfsReader(t, egress.Policy{AllowPrivate: true})
	for _, path := range []string{"/old.git", "/old.git/", "/moved.git"} {
		f, err := fetchLFS(t, g, parseLocation(t, w.url+path), lfsObjects())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		f.wantAll(t)
	}
	for _, r := range w.Requests() {
		if !strings.HasPrefix(r, "POST /old.git/info/lfs/objects/") && !strings.HasPrefix(r, "GET /old.git/info/lfs/objects/") && !strings.Contains(r, "/moved.git/info/lfs/objects/") {
			t.Errorf("asked %s", r)
		}
	}
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, ".", "clone", "-q", w.url+"/old.git", clone)
	testenv.Git(t, clone, "lfs", "fetch", "--all")
	for _, o := range lfsObjects() {
		hex := o.OID.String()
		if _, err := os.Stat(filepath.Join(clone, ".git", "lfs", "objects", hex[:2], hex[2:4], hex)); err != nil {
			t.Error(err)
		}
	}
}

// TestLFSSignsIn: the source's credentials go to its own Git LFS server, and to no other.
func TestLFSSignsIn(t *testing.T) {
	t.Parallel()
	w := serveLFS(t, "", testenv.Options{User: "ada", Password: "canary"})
	g := lfsReader(t, egress.Policy{AllowPrivate: true})
	l := parseLocation(t, w.url+"/old.git")
	l.Username, l.Password = "ada", "canary"
	f, err := fetchLFS(t, g, l, lfsObjects())
	if err != nil {
		t.Fatal(err)
	}
	f.wantAll(t)
	l.Password = "wrong"
	_, err = g.FetchLFS(t.Context(), source.LFSRequest{Location: l, Objects: lfsObjects(), Store: f.store})
	if rehome.CodeOf(err) != rehome.CredentialsRefused {
		t.Errorf("got %v", err)
	}
	l.Username, l.Password = "", ""
	_, err = g.FetchLFS(t.Context(), source.LFSRequest{Location: l, Objects: lfsObjects(), Store: f.store})
	if rehome.CodeOf(err) != rehome.CredentialsWanted {
		t.Errorf("got %v", err)
	}
}

// TestLFSElsewhere has a .lfsconfig that leads elsewhere.
func TestLFSElsewhere(t *testing.T) {
	t.Parallel()
	var other testenv.LFS
	for _, content := range lfsContents {
		other.Add(content)
	}
	var saw atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.Contains(fmt.Sprint(r.Header, r.URL), "canary") || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
		saw.Add(1)
		if strings.HasPrefix(r.URL.Path, "/private/") {
			out.WriteHeader(http.StatusUnauthorized)
			return
		}
		other.ServeHTTP(out, r)
	}))
	defer elsewhere.Close()
	withUser := strings.Replace(elsewhere.URL, "http://", "http://eve:canary@", 1)
	for _, c := range []struct {
		name, config string
		found        bool
		asked        bool
	}{
		{"another server", "[lfs]\nurl = " + elsewhere.URL + "/a", true, true},
		{"by remote", "[remote \"origin\"]\nlfsurl = " + elsewhere.URL + "/a", true, true},
		{"with credentials of its own", "[lfs]\nurl = " + withUser + "/a", true, true},
		{"that wants credentials", "[lfs]\nurl = " + elsewhere.URL + "/private/a", false, true},
		{"ssh", "[lfs]\nurl = ssh://git@h/r", false, false},
		{"scp", "[lfs]\nurl = git@h:r", false, false},
		{"a file", "[lfs]\nurl = file:///etc", false, false},
		{"a control character", "[lfs]\nurl = \"" + elsewhere.URL + "/a\\nHost: x\"", false, false},
		{"an option", "[lfs]\nurl = -oProxyCommand=x", false, false},
	} {
		saw.Store(0)
		w := serveLFS(t, c.config, testenv.Options{User: "ada", Password: "canary"})
		l := parseLocation(t, w.url+"/old.git")
		l.Username, l.Password = "ada", "canary"
		f, err := fetchLFS(t, lfsReader(t, egress.Policy{AllowPrivate: true}), l, lfsObjects())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if c.found {
			f.wantAll(t)
		} else if len(f.Missing) != len(lfsContents) || f.Why == nil || strings.Contains(f.Why.Error(), "canary") {
			t.Errorf("%s: missing %v, why %v", c.name, f.Missing, f.Why)
		}
		if (saw.Load() > 0) != c.asked || len(w.Requests()) > 0 {
			t.Errorf("%s: %d requests there, and here %q", c.name, saw.Load(), w.Requests())
		}
	}
}

// TestLFSBlocked: a .lfsconfig leads nowhere the policy does not allow.
func TestLFSBlocked(t *testing.T) {
	t.Parallel()
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("reached by %s", r.URL) }))
	defer canary.Close()
	at := strings.Replace(canary.URL, "127.0.0.1", "localhost", 1)
	for _, url := range []string{at, strings.Replace(canary.URL, "127.0.0.1", "[::ffff:127.0.0.2]", 1), strings.Replace(canary.URL, "127.0.0.1", "2130706433", 1)} {
		w := serveLFS(t, "[lfs]\nurl = "+url, testenv.Options{})
		rule, err := egress.ParseRule("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		block, err := egress.ParseRule("localhost")
		if err != nil {
			t.Fatal(err)
		}
		g := lfsReader(t, egress.Policy{Allow: []egress.Rule{rule}, Block: []egress.Rule{block}})
		f, err := fetchLFS(t, g, parseLocation(t, w.url+"/old.git"), lfsObjects())
		if err != nil || len(f.Missing) != len(lfsContents) || rehome.CodeOf(f.Why) != rehome.BlockedByPolicy {
			t.Errorf("%s: missing %v, why %v, %v", url, f.Missing, f.Why, err)
		}
	}
}

func TestDefaultEndpoint(t *testing.T) {
	for from, want := range map[string]string{
		"https://h/foo/bar": "https://h/foo/bar.git/info/lfs", "https://h/foo/bar.git": "https://h/foo/bar.git/info/lfs",
		"https://h/foo/bar/": "https://h/foo/bar.git/info/lfs", "https://h/a%2Fb": "https://h/a%2Fb.git/info/lfs",
	} {
		at, configured, err := endpoint(source.LFSRequest{Location: parseLocation(t, from)})
		if err != nil || configured || at.String() != want {
			t.Errorf("%s: %v, %v, want %s", from, at, err, want)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"https://u:p@h/a/", "ssh://h", "https://h/a\r\nHost: x", "https://h/%0d%0a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseEndpoint(text)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < 0x20 }) {
				t.Errorf("%q", err)
			}
			return
		}
		if u.User != nil || u.RawQuery != "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsFunc(u.String(), func(r rune) bool { return r <= 0x20 || r == 0x7f }) {
			t.Errorf("%q became %q", text, u)
		}
	})
}
