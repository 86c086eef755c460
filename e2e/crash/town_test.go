package crash

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// town is where imports come from and go to, and who is told of them. It has moods: a source cuts off or stalls, a receiver
// refuses, until it is calm. Safe for concurrent use.
type town struct {
	sources, forge string // folders with bare repositories
	origin, home   string // the URLs they are at
	hooks          string // where webhooks go: a path for each repository
	there, here    *testenv.LFS

	calm atomic.Bool
	mu   sync.Mutex
	rand *rand.Rand              // guarded by mu, as the next
	told map[string][]told       // by repository
	nos  map[string]int          // refusals, by the id of the delivery
	bad  map[string]int          // by what the town did
	objs map[string][]lfs.Object // of sources, by repository
}

// told is one delivery of a webhook.
type told struct {
	guid, status string
	taken        bool
}

// largeOver is from what size on files count as large here, bytes.
const largeOver = 20_000

func newTown(t *testing.T, p plan) *town {
	dir := t.TempDir()
	w := &town{
		sources: filepath.Join(dir, "sources"), forge: filepath.Join(dir, "forge"),
		there: &testenv.LFS{}, here: &testenv.LFS{}, rand: rand.New(rand.NewPCG(p.seed, 100)),
		told: map[string][]told{}, nos: map[string]int{}, bad: map[string]int{}, objs: map[string][]lfs.Object{},
	}
	for _, place := range []string{w.sources, w.forge} {
		testenv.Empty(t, filepath.Join(place, "none.git"), "sha1") // which makes the folders, too
	}
	w.origin = testenv.ServeGit(t, w.sources, testenv.Options{Throttle: time.Millisecond, Wrap: func(h http.Handler) http.Handler { return w.there.Before(w.moody(h)) }})
	w.home = testenv.ServeGit(t, w.forge, testenv.Options{Push: true, Wrap: func(h http.Handler) http.Handler { return w.here.Before(w.moody(w.receivePack(h))) }})
	receiver := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(receiver.Close)
	w.hooks = receiver.URL
	return w
}

// chance is true once in so many times, until the town is calm.
func (w *town) chance(in int, what string) bool {
	if w.calm.Load() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rand.IntN(in) != 0 {
		return false
	}
	w.bad[what]++
	return true
}

// moody stands before a Git server: now and then it is busy, stalls, or cuts off what it says.
func (w *town) moody(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		pack := strings.HasSuffix(r.URL.Path, "-pack") && r.Method == http.MethodPost
		if strings.HasSuffix(r.URL.Path, "upload-pack") {
			asked, err := io.ReadAll(r.Body)
			if err != nil {
				return // git's own http-backend would wait for the rest for ever, with all its might
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(asked)), int64(len(asked))
		}
		switch {
		case w.chance(60, "server busy"):
			http.Error(rw, "busy", http.StatusServiceUnavailable)
			return
		case pack && w.chance(25, "server stalled"):
			select {
			case <-time.After(4 * time.Second):
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler)
		case pack && w.chance(15, "answer cut off"):
			rw = &cut{ResponseWriter: rw, left: 2000}
		}
		h.ServeHTTP(rw, r)
	})
}

// receivePack takes pushes, and lets git know when one breaks off.
func (w *town) receivePack(h http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name, push := strings.CutSuffix(r.URL.Path, "/git-receive-pack")
		if !push || r.Method != http.MethodPost {
			h.ServeHTTP(rw, r)
			return
		}
		in := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if in, err = gzip.NewReader(r.Body); err != nil {
				return
			}
		}
		cmd := exec.Command("git", "receive-pack", "--stateless-rpc", filepath.Join(w.forge, filepath.FromSlash(name)))
		cmd.Env, cmd.Stdin, cmd.WaitDelay = testenv.Env(), in, patience
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		defer cmd.Wait() //nolint:errcheck // whoever pushed may be gone
		defer out.Close()
		rw.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		io.Copy(rw, out) //nolint:errcheck // the same
	})
}

// cut is an answer that breaks off.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func (c *cut) Flush() { c.ResponseWriter.(http.Flusher).Flush() }

// receive takes webhooks.
func (w *town) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var end struct{ Status string }
	err = json.Unmarshal(body, &end)
	refused := w.refuses(r.Header.Get("X-Github-Delivery"))
	if r.Header.Get("X-Github-Event") != "ping" {
		name := strings.TrimPrefix(r.URL.Path, "/")
		w.mu.Lock()
		w.told[name] = append(w.told[name], told{r.Header.Get("X-Github-Delivery"), end.Status, !refused && err == nil})
		w.mu.Unlock()
	}
	if refused || err != nil {
		http.Error(rw, "not now", http.StatusInternalServerError)
	}
}

// refuses is true now and then, but not more than twice for a delivery: the next time it comes again would be a quarter of an hour later.
func (w *town) refuses(guid string) bool {
	w.mu.Lock()
	often := w.nos[guid] >= 2
	w.mu.Unlock()
	if often || !w.chance(8, "webhook refused") {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nos[guid]++
	return true
}

// heard returns what a repository's webhook was told.
func (w *town) heard(name string) []told {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]told(nil), w.told[name]...)
}

// kind is what a source has besides commits.
type kind string

const (
	plain    kind = "plain"
	withBig  kind = "large files"
	withLFS  kind = "Git LFS"
	withRich kind = "one of everything"
)

// make makes the source of a repository.
func (w *town) make(t *testing.T, name string, k kind, commits int, seed uint64) {
	dir := w.source(name)
	if k == withRich {
		testenv.Rich(t, dir, "sha1")
		return
	}
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: commits, Files: 30, Authors: 6, Seed: seed})
	switch k {
	case withBig:
		for n := range 3 {
			w.add(t, name, fmt.Sprintf("film-%d", n), testenv.Inline("film.bin", strings.Repeat(fmt.Sprintf("%s %d\n", name, n), 3000)))
		}
	case withLFS:
		lines := testenv.Inline(".gitattributes", "*.dat filter=lfs diff=lfs merge=lfs -text\n")
		for n := range 3 {
			o := w.there.Add(strings.Repeat(fmt.Sprintf("object %d of %s\n", n, name), 500))
			w.objs[name] = append(w.objs[name], o)
			lines += testenv.Inline(fmt.Sprintf("data/%d.dat", n), fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", o.OID, o.Size))
		}
		w.add(t, name, "objects", lines)
	}
}

// add puts a commit on top of a source's trunk.
func (w *town) add(t *testing.T, name, message, changes string) {
	stream := fmt.Sprintf("commit refs/heads/trunk\ncommitter Author 1 <author1@example.com> 1600000000 +0000\ndata %d\n%s\nfrom refs/heads/trunk^0\n%s", len(message), message, changes)
	testenv.GitIn(t, w.source(name), strings.NewReader(stream), "fast-import", "--quiet")
}

func (w *town) source(name string) string      { return filepath.Join(w.sources, name+".git") }
func (w *town) destination(name string) string { return filepath.Join(w.forge, "admin", name+".git") }

// settle makes the empty repository at the forge that an import goes to. What becomes of its refs is in its reflogs.
func (w *town) settle(t *testing.T, name string) {
	dir := w.destination(name)
	testenv.Empty(t, dir, "sha1")
	for _, set := range [][2]string{{"core.logAllRefUpdates", "always"}, {"receive.autogc", "false"}, {"gc.auto", "0"}} {
		testenv.Git(t, dir, "config", set[0], set[1])
	}
}
