package api

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/lfs"
	"rehome/internal/lfs/server"
	"rehome/internal/testenv"
)

// withLFS adds the Git LFS API, with its objects in the server's folder.
func withLFS(t *testing.T, s *testServer) {
	t.Helper()
	withLFSUpTo(t, s, 0)
}

// withLFSUpTo is withLFS for uploads of so many bytes; 0 for the default.
func withLFSUpTo(t *testing.T, s *testServer, limit int64) {
	t.Helper()
	kept, err := lfs.Local(filepath.Join(s.dir, "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	s.api.LFS = server.New(server.Options{Store: kept, DB: s.db, Log: s.api.Log, MaxObject: limit})
}

// lfsClient runs git and git-lfs as a user who has a token.
type lfsClient struct{ token string }

// git runs git and returns what it wrote, to both outputs.
func (c lfsClient) git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := c.try(t, dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c lfsClient) try(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	base := []string{
		"-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.smudge=git-lfs smudge -- %f",
		"-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true",
		"-c", "lfs.transfer.maxretries=2", "-c", "credential.helper=",
	}
	if c.token != "" {
		base = append(base, "-c", "credential.helper=!f() { echo username=x; echo password="+c.token+"; }; f")
	}
	cmd := exec.CommandContext(t.Context(), "git", append(base, args...)...)
	cmd.Dir, cmd.Env = dir, testenv.Env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// work makes a repository whose *.bin are Git LFS files, with a pre-push hook as git-lfs makes it.
func (c lfsClient) work(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "work")
	c.git(t, "", "init", "-q", "-b", "main", dir)
	c.git(t, dir, "lfs", "install", "--local")
	c.git(t, dir, "lfs", "track", "*.bin")
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.git(t, dir, "add", ".")
	c.git(t, dir, "commit", "-q", "-m", "one")
	return dir
}

// noise returns n bytes that do not deflate.
func noise(n int, seed uint32) []byte {
	b := make([]byte, n)
	for i := range b {
		seed = seed*1664525 + 1013904223
		b[i] = byte(seed >> 24)
	}
	return b
}

// asked notes the requests a server gets, and may stand in their way.
type asked struct {
	http.Handler

	mu     sync.Mutex
	before func(w http.ResponseWriter, r *http.Request) http.ResponseWriter // may be nil; called and guarded by mu, as the next
	list   []string                                                         // method, path and range, and the status
}

func watch(s *testServer) *asked {
	a := &asked{Handler: s.Config.Handler}
	s.Config.Handler = a
	return a
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + r.URL.Path + " " + r.Header.Get("Range")
	a.mu.Lock()
	if a.before != nil {
		w = a.before(w, r)
	}
	a.mu.Unlock()
	watched := &watchedWriter{ResponseWriter: w}
	defer func() {
		a.mu.Lock()
		a.list = append(a.list, fmt.Sprintf("%s %d", strings.TrimSpace(line), watched.status))
		a.mu.Unlock()
	}()
	a.Handler.ServeHTTP(watched, r)
}

// having returns the requests with part in them, and forgets all.
func (a *asked) having(part string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.list
	a.list = nil
	return slices.DeleteFunc(list, func(line string) bool { return !strings.Contains(line, part) })
}

// TestLFSPushAndClone has git-lfs push objects to a private repository and clone them.
func TestLFSPushAndClone(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	requests := watch(s)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	files := map[string][]byte{"a.bin": noise(5<<20, 1), "b.bin": []byte("small"), "c ä.bin": noise(1000, 2), "plain.txt": []byte("text")}
	c := lfsClient{token}
	work := c.work(t, files)
	out := c.git(t, work, "push", s.URL+"/octocat/socm", "main")
	for _, unwanted := range []string{"lock", "Lock", "warning", "error"} {
		if strings.Contains(out, unwanted) {
			t.Errorf("git-lfs says %q", out)
		}
	}
	if got := requests.having("PUT "); len(got) != 3 || strings.Contains(strings.Join(got, ""), "401") {
		t.Errorf("uploads: %q", got)
	}
	for _, url := range []string{s.URL + "/octocat/socm", s.URL + "/OctoCat/SOCM.git", s.withToken(token) + "/octocat/socm.git"} {
		clone := filepath.Join(t.TempDir(), "clone")
		c.git(t, "", "clone", "-q", url, clone)
		for name, want := range files {
			if got, err := os.ReadFile(filepath.Join(clone, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %q: %d bytes, %v", url, name, len(got), err)
			}
		}
		c.git(t, clone, "lfs", "fsck")
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log holds the token")
	}
	requests.having("")
	c.git(t, work, "lfs", "push", "--all", s.URL+"/octocat/socm")
	if got := requests.having("PUT "); len(got) != 0 {
		t.Errorf("what is there was uploaded again: %q", got)
	}
}

// TestLFSFromAPublicRepository wants no credentials to clone, and some to push.
func TestLFSFromAPublicRepository(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "public", `{"name": "public", "private": false}`)
	content := noise(1<<20, 1)
	owner, nobody, stranger := lfsClient{token}, lfsClient{}, lfsClient{s.token(t, auth.Grant{User: "stranger"})}
	work := owner.work(t, map[string][]byte{"a.bin": content})
	for who, c := range map[string]lfsClient{"nobody": nobody, "a stranger": stranger} {
		if out, err := c.try(t, work, "lfs", "push", s.URL+"/octocat/public.git", "main"); err == nil {
			t.Errorf("%s has pushed: %s", who, out)
		}
	}
	if n, _, err := s.db.LFSCount(t.Context(), 1); n != 0 || err != nil {
		t.Errorf("%d objects, %v", n, err)
	}
	owner.git(t, work, "push", "-q", s.URL+"/octocat/public.git", "main")
	for _, c := range []lfsClient{nobody, stranger, owner} {
		clone := filepath.Join(t.TempDir(), "clone")
		c.git(t, "", "clone", "-q", s.URL+"/octocat/public.git", clone)
		if got, err := os.ReadFile(filepath.Join(clone, "a.bin")); err != nil || !bytes.Equal(got, content) {
			t.Errorf("cloned %d bytes, %v", len(got), err)
		}
	}
}

// TestLFSOfAnotherRepository has a user push a pointer to an object that only another's private repository has.
func TestLFSOfAnotherRepository(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	requests := watch(s)
	owner := lfsClient{s.token(t, auth.Grant{User: "octocat"})}
	thief := lfsClient{s.token(t, auth.Grant{User: "thief"})}
	s.create(t, owner.token, "private", "")
	s.create(t, thief.token, "mine", "")
	content := noise(1<<20, 1)
	work := owner.work(t, map[string][]byte{"a.bin": content})
	owner.git(t, work, "push", "-q", s.URL+"/octocat/private.git", "main")

	pointed := filepath.Join(t.TempDir(), "pointed")
	thief.git(t, "", "clone", "-q", "-c", "lfs.fetchexclude=*", work, pointed)
	os.RemoveAll(filepath.Join(pointed, ".git", "lfs"))
	thief.git(t, pointed, "push", "-q", "--no-verify", s.URL+"/thief/mine.git", "HEAD:main")
	clone := filepath.Join(t.TempDir(), "clone")
	out, err := thief.try(t, "", "clone", "-q", s.URL+"/thief/mine.git", clone)
	if err == nil || !strings.Contains(out, "not in this repository") {
		t.Errorf("the clone: %v, %s", err, out)
	}

	requests.having("")
	thief.git(t, work, "lfs", "push", "--all", s.URL+"/thief/mine.git")
	if got := requests.having("PUT "); len(got) != 1 || !strings.HasSuffix(got[0], "200") {
		t.Errorf("who has the bytes uploads them: %q", got)
	}
}

// cutting lets so many bytes of an answer through.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; c.left == 0 {
		http.NewResponseController(c.ResponseWriter).Flush() //nolint:errcheck // the cut is what matters
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestLFSResume has a download cut, and git-lfs go on where it was.
func TestLFSResume(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	requests := watch(s)
	c := lfsClient{s.token(t, auth.Grant{User: "octocat"})}
	s.create(t, c.token, "socm", "")
	content := noise(4<<20, 1)
	work := c.work(t, map[string][]byte{"a.bin": content})
	c.git(t, work, "push", "-q", s.URL+"/octocat/socm.git", "main")

	cuts := 1
	requests.mu.Lock()
	requests.before = func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if r.Method == "GET" && strings.Contains(r.URL.Path, "/objects/") && cuts > 0 {
			cuts--
			return &cutting{w, 1 << 20}
		}
		return w
	}
	requests.mu.Unlock()
	requests.having("")
	clone := filepath.Join(t.TempDir(), "clone")
	c.git(t, "", "clone", "-q", s.URL+"/octocat/socm.git", clone)
	if got, err := os.ReadFile(filepath.Join(clone, "a.bin")); err != nil || !bytes.Equal(got, content) {
		t.Errorf("cloned %d bytes, %v", len(got), err)
	}
	got := requests.having("GET /octocat/socm.git/info/lfs/objects/")
	if len(got) != 2 || !strings.HasSuffix(got[1], fmt.Sprintf("bytes=%d-%d 206", 1<<20, 4<<20-1)) {
		t.Errorf("downloads: %q", got)
	}
}

// TestLFSUploadOfADamagedObject has git-lfs send bytes that are not the object's.
func TestLFSUploadOfADamagedObject(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	c := lfsClient{s.token(t, auth.Grant{User: "octocat"})}
	repo := s.create(t, c.token, "socm", "")
	work := c.work(t, map[string][]byte{"a.bin": noise(1<<20, 1)})
	err := filepath.WalkDir(filepath.Join(work, ".git", "lfs", "objects"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, noise(1<<20, 2), 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.try(t, work, "push", s.URL+"/octocat/socm.git", "main")
	if err == nil || !strings.Contains(out, "not the object") {
		t.Errorf("the push: %v, %s", err, out)
	}
	wantNoLFS(t, s, repo.ID)
}

// TestLFSUploadOfALargeObject has git-lfs push more than the server takes.
func TestLFSUploadOfALargeObject(t *testing.T) {
	s := start(t, nil)
	withLFSUpTo(t, s, 1000)
	requests := watch(s)
	c := lfsClient{s.token(t, auth.Grant{User: "octocat"})}
	repo := s.create(t, c.token, "socm", "")
	work := c.work(t, map[string][]byte{"a.bin": noise(1001, 1)})
	out, err := c.try(t, work, "push", s.URL+"/octocat/socm.git", "main")
	if err == nil || !strings.Contains(out, "larger than 1000 bytes") {
		t.Errorf("the push: %v, %s", err, out)
	}
	if got := requests.having("PUT "); len(got) != 0 {
		t.Errorf("uploads: %q", got)
	}
	wantNoLFS(t, s, repo.ID)
}

// TestLFSLocks are what git-lfs tells its user that the server has not.
func TestLFSLocks(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	c := lfsClient{s.token(t, auth.Grant{User: "octocat"})}
	s.create(t, c.token, "socm", "")
	work := c.work(t, map[string][]byte{"a.bin": []byte("content")})
	c.git(t, work, "remote", "add", "origin", s.URL+"/octocat/socm.git")
	if out, err := c.try(t, work, "lfs", "lock", "a.bin"); err == nil || !strings.Contains(out, "File locking is not offered here.") {
		t.Errorf("git lfs lock: %v, %s", err, out)
	}
}

func wantNoLFS(t *testing.T, s *testServer, repoID int64) {
	t.Helper()
	if n, _, err := s.db.LFSCount(t.Context(), repoID); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	err := filepath.WalkDir(filepath.Join(s.dir, "lfs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("left behind: %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWhoMayUseLFS asks as each kind of caller would, for a batch to download, one to upload, and an upload.
func TestWhoMayUseLFS(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	owner := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, owner, "private", "")
	s.create(t, owner, "public", `{"name": "public", "private": false}`)
	stranger := s.token(t, auth.Grant{User: "stranger"})
	const oid = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of abc
	batch := func(operation string) string {
		return `{"operation": "` + operation + `", "objects": [{"oid": "` + oid + `", "size": 3}]}`
	}
	for _, c := range []struct {
		who, token string
		want       [3][4]int // private, public, missing: download, upload, PUT, locks
	}{
		{"nobody", "", [3][4]int{{401, 401, 401, 401}, {200, 401, 401, 404}, {401, 401, 401, 401}}},
		{"nonsense", "nonsense", [3][4]int{{401, 401, 401, 401}, {401, 401, 401, 401}, {401, 401, 401, 401}}},
		{"stranger", stranger, [3][4]int{{404, 404, 404, 404}, {200, 403, 403, 404}, {404, 404, 404, 404}}},
		{"owner", owner, [3][4]int{{200, 200, 200, 404}, {200, 200, 200, 404}, {404, 404, 404, 404}}},
		{"administrator", s.token(t, auth.Grant{}), [3][4]int{{200, 200, 200, 404}, {200, 200, 200, 404}, {404, 404, 404, 404}}},
	} {
		for i, name := range []string{"private", "Public", "missing"} {
			for j, q := range []request{
				{"POST", "objects/batch", c.token, batch("download"), []string{"Content-Type", "application/vnd.git-lfs+json"}},
				{"POST", "objects/batch", c.token, batch("upload"), []string{"Content-Type", "application/vnd.git-lfs+json"}},
				{"PUT", "objects/" + oid, c.token, "abc", nil},
				{"POST", "locks/verify", c.token, "{}", []string{"Content-Type", "application/vnd.git-lfs+json"}},
			} {
				for _, ending := range []string{".git", ""} {
					q := q
					q.path = "/OctoCat/" + name + ending + "/info/lfs/" + q.path
					r := s.do(t, q)
					if r.StatusCode != c.want[i][j] {
						t.Errorf("%s: %s %s: %d, want %d: %s", c.who, q.method, q.path, r.StatusCode, c.want[i][j], r.body)
					}
					if got := r.Header.Get("LFS-Authenticate"); (got == `Basic realm="Rehome"`) != (r.StatusCode == 401) {
						t.Errorf("%s: status %d with LFS-Authenticate %q", c.who, r.StatusCode, got)
					}
					if r.StatusCode >= 400 && (r.Header.Get("Content-Type") != "application/vnd.git-lfs+json" || r.object(t)["message"] == "") {
						t.Errorf("%s: %s: refused with %s", c.who, q.path, r.body)
					}
				}
			}
		}
	}
}

// TestLFSURLs are on the base that the client itself used.
func TestLFSURLs(t *testing.T) {
	s := start(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	withLFS(t, s)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	const oid = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{nil, s.URL},
		{[]string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "forge.example:8443", "X-Forwarded-Prefix", "/git"}, "https://forge.example:8443/git"},
	} {
		r := s.want(t, 200, request{
			"POST", "/OctoCat/socm/info/lfs/objects/batch", token, `{"operation": "upload", "objects": [{"oid": "` + oid + `", "size": 3}]}`,
			append([]string{"Content-Type", "application/vnd.git-lfs+json"}, c.headers...),
		})
		want := `"href":"` + c.want + `/octocat/socm.git/info/lfs/objects/` + oid + `?size=3"`
		if !strings.Contains(string(r.body), want) {
			t.Errorf("got %s, want %s", r.body, want)
		}
	}
}

func TestLFSPathsThatAreNone(t *testing.T) {
	s := start(t, nil)
	withLFS(t, s)
	token := s.token(t, auth.Grant{})
	for _, path := range []string{
		"/info/lfs/objects/batch", "/x.git/info/lfs/objects/batch", "/a/b/c.git/info/lfs/locks", "/octocat/..%2F..%2Fetc.git/info/lfs/locks",
		"/octocat/.git/info/lfs/locks", "/%2e%2e/x.git/info/lfs/locks", "/octocat/x.git/info/lfs",
	} {
		checkRefusal(t, s.want(t, 404, request{method: "GET", path: path, token: token}))
	}
}

func TestLFSThatIsNotOffered(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	s.want(t, 404, request{method: "GET", path: "/octocat/socm.git/info/lfs/locks", token: token})
}
