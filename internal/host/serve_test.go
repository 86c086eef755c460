package host

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// testLog sends a log to the test's own.
func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// versions are the protocol versions as git's client is told.
var versions = []string{"0", "1", "2"}

func TestClone(t *testing.T) {
	for _, f := range formats {
		for _, version := range versions {
			t.Run(f.String()+" v"+version, func(t *testing.T) {
				hm, from := newHome(t), raw(t, f)
				hm.publish(7, from)
				dir := filepath.Join(t.TempDir(), "clone")
				testenv.Git(t, t.TempDir(), "-c", "protocol.version="+version, "clone", "-q", "--mirror", hm.url(7), dir)
				if diff := cmp.Diff(testenv.ShowRefs(t, hm.path(7)), testenv.ShowRefs(t, dir)); diff != "" {
					t.Errorf("refs differ:\n%s", diff)
				}
				testenv.Git(t, dir, "fsck", "--strict")
				if got := testenv.Git(t, dir, "symbolic-ref", "HEAD"); got != "refs/heads/trunk" {
					t.Errorf("HEAD is %s", got)
				}
			})
		}
	}
}

// worktree clones repository id and returns the folder of the clone.
func (hm *home) worktree(id int64) string {
	hm.t.Helper()
	dir := filepath.Join(hm.t.TempDir(), "work")
	testenv.Git(hm.t, hm.t.TempDir(), "clone", "-q", hm.url(id), dir)
	return dir
}

func commit(t *testing.T, dir, file string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), content, 0o666); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "add", file)
	testenv.Git(t, dir, "commit", "-q", "-m", "add "+file)
	return testenv.Git(t, dir, "rev-parse", "HEAD")
}

func TestPushAndFetch(t *testing.T) {
	for _, f := range formats {
		for _, version := range versions {
			t.Run(f.String()+" v"+version, func(t *testing.T) {
				hm := newHome(t)
				hm.publish(7, raw(t, f))
				one, two := hm.worktree(7), hm.worktree(7)
				id := commit(t, one, "new.txt", []byte("new\n"))
				testenv.Git(t, one, "-c", "protocol.version="+version, "push", "-q", "origin", "HEAD:trunk", "HEAD:refs/heads/more", ":side")
				testenv.Git(t, two, "-c", "protocol.version="+version, "fetch", "-q", "origin")
				if got := testenv.Git(t, two, "rev-parse", "origin/trunk", "origin/more"); got != id+"\n"+id {
					t.Errorf("fetched %s", got)
				}
				if hm.pushed.Load() != 1 {
					t.Errorf("told of %d pushes", hm.pushed.Load())
				}
				testenv.Git(t, hm.path(7), "fsck", "--strict")
			})
		}
	}
}

// noise returns bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	state := uint32(1)
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

func TestPushOfMegabytesIsChunked(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	dir := hm.worktree(7)
	testenv.Git(t, dir, "checkout", "-q", "-b", "first")
	id := commit(t, dir, "noise", noise(5<<20))
	testenv.Git(t, dir, "-c", "http.postBuffer=65536", "push", "-q", "origin", "first")
	if got := testenv.Git(t, hm.path(7), "rev-parse", "HEAD", "first"); got != id+"\n"+id {
		t.Errorf("HEAD did not follow the first branch: %s", got)
	}
	testenv.Git(t, hm.path(7), "fsck", "--strict")
}

func TestPushIsRefused(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	before := testenv.ShowRefs(t, hm.path(7))
	dir := hm.worktree(7)
	commit(t, dir, "new.txt", noise(3<<20))
	blob := testenv.GitIn(t, dir, strings.NewReader("x"), "hash-object", "-w", "--stdin")
	raw := append([]byte("100644 .git\x00"), hexBytes(t, blob)...)
	evil := testenv.GitIn(t, dir, bytes.NewReader(raw), "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
	evil = testenv.Git(t, dir, "commit-tree", "-m", "evil", evil)
	tests := []struct{ name, want, header, refspec string }{
		{"no right", "403", "X-Reader: yes", "HEAD:trunk"},
		{"dangerous tree", "hasDotgit", "", evil + ":refs/heads/evil"},
		{"hidden ref", "deny updating a hidden ref", "", "HEAD:refs/rehome/kept/x"},
		{"branch that HEAD names", "refusing to delete the current branch", "", ":trunk"},
		{"below a ref", "'refs/heads/trunk' exists; cannot create", "", "HEAD:refs/heads/trunk/x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testenv.Run(t.Context(), dir, nil, "-c", "http.postBuffer=65536", "-c", "http.extraHeader="+tt.header, "push", hm.url(7), tt.refspec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, testenv.ShowRefs(t, hm.path(7))); diff != "" {
				t.Errorf("refs changed:\n%s", diff)
			}
		})
	}
	if hm.pushed.Load() != 0 {
		t.Errorf("told of %d pushes", hm.pushed.Load())
	}
}

func hexBytes(t *testing.T, s string) []byte {
	t.Helper()
	id, err := object.ParseID(s)
	if err != nil {
		t.Fatal(err)
	}
	return id.Bytes()
}

func TestRefusals(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	tests := []struct {
		name, method, path string
		header             string
		body               string
		status             int
	}{
		{"dumb", "GET", "/7.git/info/refs", "", "", 403},
		{"archive", "GET", "/7.git/info/refs?service=git-upload-archive", "", "", 403},
		{"option", "GET", "/7.git/info/refs?service=--help", "", "", 403},
		{"dumb object", "GET", "/7.git/HEAD", "", "", 404},
		{"climbing", "GET", "/7.git/../../etc/passwd", "", "", 404},
		{"missing repository", "GET", "/8.git/info/refs?service=git-upload-pack", "", "", 404},
		{"get of a service", "GET", "/7.git/git-upload-pack", "", "", 405},
		{"post of refs", "POST", "/7.git/info/refs?service=git-upload-pack", "", "", 405},
		{"form", "POST", "/7.git/git-upload-pack", "Content-Type: application/x-www-form-urlencoded", "", 415},
		{"other coding", "POST", "/7.git/git-upload-pack", "Content-Encoding: br", "", 415},
		{"no gzip", "POST", "/7.git/git-upload-pack", "Content-Encoding: gzip", "plain", 400},
		{"no pkt-lines", "POST", "/7.git/git-upload-pack", "Git-Protocol: version=2", "what?", 400},
		{"cut off", "POST", "/7.git/git-upload-pack", "Git-Protocol: version=2", "0011command=fet", 400},
		{"ref by name", "POST", "/7.git/git-upload-pack", "Git-Protocol: version=2", "0012command=fetch\n0001001ewant-ref refs/heads/trunk\n0000", 400},
		{"other command", "POST", "/7.git/git-upload-pack", "Git-Protocol: version=2", "0018command=object-info\n0000", 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, hm.server.URL+tt.path, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
			if key, value, ok := strings.Cut(tt.header, ": "); ok {
				req.Header.Set(key, value)
			}
			res, text := do(t, req)
			if res.StatusCode != tt.status || res.Header.Get("Cache-Control") != "no-cache, max-age=0, must-revalidate" {
				t.Errorf("got %s %v: %s", res.Status, res.Header, text)
			}
		})
	}
}

func do(t *testing.T, req *http.Request) (*http.Response, []byte) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, text
}

func TestAdvertisement(t *testing.T) {
	hm, from := newHome(t), raw(t, object.SHA1)
	hm.publish(7, from)
	trunk := testenv.Git(t, hm.path(7), "rev-parse", "trunk")
	testenv.Git(t, hm.path(7), "update-ref", "refs/rehome/kept/x", trunk)
	for _, tt := range []struct{ service, version, start string }{
		{"git-upload-pack", "", "001e# service=git-upload-pack\n0000"},
		{"git-upload-pack", "version=1", "001e# service=git-upload-pack\n0000000eversion 1\n"},
		{"git-upload-pack", "version=2", "000eversion 2\n"},
		{"git-upload-pack", "version=2:evil=1", "001e# service=git-upload-pack\n0000"},
		{"git-receive-pack", "version=2", "001f# service=git-receive-pack\n0000"},
	} {
		t.Run(tt.service+" "+tt.version, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", hm.url(7)+"/info/refs?service="+tt.service, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Git-Protocol", tt.version)
			res, text := do(t, req)
			if got := res.Header.Get("Content-Type"); got != "application/x-"+tt.service+"-advertisement" {
				t.Errorf("content type %s", got)
			}
			if !strings.HasPrefix(string(text), tt.start) {
				t.Errorf("got %.80q", text)
			}
			if strings.Contains(string(text), hiddenRefs) {
				t.Error("hidden refs are shown")
			}
		})
	}
}

func TestGzipBodies(t *testing.T) {
	hm := newHome(t)
	hm.publish(7, raw(t, object.SHA1))
	var plain bytes.Buffer
	out := protocol.NewWriter(&plain)
	out.Line("command=ls-refs")
	out.Delim()
	out.Line("ref-prefix refs/heads/")
	out.Flush()
	_, want := hm.post(plain.Bytes(), "identity")
	res, got := hm.post(deflate(t, &plain), "gzip")
	if res.StatusCode != http.StatusOK || !bytes.Contains(want, []byte("refs/heads/trunk")) || !bytes.Equal(got, want) {
		t.Errorf("got %s %q, want %q", res.Status, got, want)
	}
	bomb := io.MultiReader(strings.NewReader("0014command=ls-refs\n0001"), strings.NewReader(strings.Repeat("0400"+strings.Repeat("x", 1020), maxRequest>>10+1000)))
	if res, _ := hm.post(deflate(t, bomb), "gzip"); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a bomb got %s", res.Status)
	}
}

// Few bytes that become many commands would fill receive-pack's memory.
func TestPushOfTooManyCommands(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	line := "0069" + strings.Repeat("0", 40) + " " + strings.Repeat("1", 40) + " refs/heads/aaaaaaa\n"
	req, err := http.NewRequestWithContext(t.Context(), "POST", hm.url(7)+"/git-receive-pack", bytes.NewReader(deflate(t, strings.NewReader(strings.Repeat(line, maxRequest/len(line)+2)))))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-receive-pack-request")
	req.Header.Set("Content-Encoding", "gzip")
	if res, text := do(t, req); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("got %s: %.80q", res.Status, text)
	}
}

func deflate(t *testing.T, r io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// post sends an upload-pack request of version 2 to repository 7.
func (hm *home) post(body []byte, coding string) (*http.Response, []byte) {
	hm.t.Helper()
	return hm.postAs("version=2", body, coding)
}

func (hm *home) postAs(version string, body []byte, coding string) (*http.Response, []byte) {
	hm.t.Helper()
	req, err := http.NewRequestWithContext(hm.t.Context(), "POST", hm.url(7)+"/git-upload-pack", bytes.NewReader(body))
	if err != nil {
		hm.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	req.Header.Set("Git-Protocol", version)
	req.Header.Set("Content-Encoding", coding)
	return do(hm.t, req)
}

// TestManyHaves makes a fetch whose negotiation is larger than a client's post buffer and gzipped by it.
func TestManyHaves(t *testing.T) {
	for _, version := range versions {
		t.Run("v"+version, func(t *testing.T) {
			hm := newHome(t)
			hm.publish(7, raw(t, object.SHA1))
			dir := filepath.Join(t.TempDir(), "other")
			testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 600, Files: 3, Lines: 2})
			testenv.Git(t, dir, "-c", "protocol.version="+version, "fetch", "-q", hm.url(7), "refs/heads/*:refs/heads/of-rich/*")
			testenv.Git(t, dir, "fsck", "--strict")
		})
	}
}

func TestPushesAndPublicationsAtOnce(t *testing.T) {
	hm, from := newHome(t), raw(t, object.SHA1)
	hm.publish(7, from)
	const pushers, rounds = 3, 4
	work := make([]string, pushers)
	for i := range work {
		work[i] = hm.worktree(7)
	}
	var wg sync.WaitGroup
	for i, dir := range work {
		wg.Go(func() {
			for n := range rounds {
				commit(t, dir, fmt.Sprintf("%d-%d", i, n), noise(1000))
				testenv.Git(t, dir, "push", "-q", "origin", fmt.Sprintf("HEAD:refs/heads/pushed-%d", i))
			}
		})
	}
	id := creations(t, from)[0].New
	for n := range rounds {
		update := repo.Update{Name: fmt.Sprintf("refs/heads/published-%d", n), New: id}
		if err := hm.Publish(t.Context(), 7, Publication{From: from, Updates: []repo.Update{update}, Head: "refs/heads/trunk"}); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for i, dir := range work {
		if got, want := testenv.Git(t, hm.path(7), "rev-parse", fmt.Sprintf("pushed-%d", i)), testenv.Git(t, dir, "rev-parse", "HEAD"); got != want {
			t.Errorf("pushed-%d is %s, want %s", i, got, want)
		}
	}
	testenv.Git(t, hm.path(7), "rev-parse", "published-0", "published-3")
	testenv.Git(t, hm.path(7), "fsck", "--strict")
}
