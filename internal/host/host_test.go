package host

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(servedDir); dir != "" {
		serveFolder(dir)
	}
	var err error
	if shelf.dir, err = os.MkdirTemp("", "rehome-host-*"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(shelf.dir)
		os.Exit(code)
	}))
}

var formats = []object.Format{object.SHA1, object.SHA256}

// home is a host behind a server on loopback. Repository 7 is served at /7.git; who
// sends X-Reader may not push.
type home struct {
	*Host
	t      *testing.T
	server *httptest.Server
	pushed atomic.Int64
}

func newHome(t *testing.T) *home {
	t.Helper()
	hm := &home{t: t}
	var err error
	hm.Host, err = New(Options{
		Dir:    filepath.Join(t.TempDir(), "host"),
		Log:    testLog(t),
		Pushed: func(context.Context, int64) { hm.pushed.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	hm.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".git/")
		n, _ := strconv.ParseInt(id, 10, 64)
		hm.Serve(w, r, n, path, r.Header.Get("X-Reader") == "")
	}))
	t.Cleanup(func() {
		if err := hm.Close(); err != nil {
			t.Error(err)
		}
		hm.server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return hm
}

func (hm *home) url(id int64) string { return hm.server.URL + "/" + strconv.FormatInt(id, 10) + ".git" }

func (hm *home) create(id int64, f object.Format) {
	hm.t.Helper()
	if err := hm.Create(hm.t.Context(), id, f); err != nil {
		hm.t.Fatal(err)
	}
}

// raw makes testenv's repository with one of everything in one pack.
func raw(t *testing.T, f object.Format) *repo.Repo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "raw.git")
	testenv.Rich(t, dir, f.String())
	r, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// creations returns the updates that make the refs of r where there are none.
func creations(t *testing.T, r *repo.Repo) []repo.Update {
	t.Helper()
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	var updates []repo.Update
	for _, ref := range refs {
		if !strings.HasPrefix(ref.Name, "refs/replace/") {
			updates = append(updates, repo.Update{Name: ref.Name, New: ref.ID})
		}
	}
	return updates
}

// publish creates repository id and publishes raw in it.
func (hm *home) publish(id int64, r *repo.Repo) {
	hm.t.Helper()
	hm.create(id, object.SHA1)
	if err := hm.Publish(hm.t.Context(), id, Publication{From: r, Updates: creations(hm.t, r), Head: "refs/heads/trunk"}); err != nil {
		hm.t.Fatal(err)
	}
}

func TestPublish(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm, from := newHome(t), raw(t, f)
			hm.publish(7, from)
			if err := hm.Publish(t.Context(), 7, Publication{From: from, Head: "refs/heads/trunk"}); err != nil {
				t.Errorf("again: %v", err)
			}
			dir := hm.path(7)
			testenv.Git(t, dir, "fsck", "--strict")
			if got := testenv.Git(t, dir, "symbolic-ref", "HEAD"); got != "refs/heads/trunk" {
				t.Errorf("HEAD is %s", got)
			}
			if got := testenv.Git(t, dir, "rev-parse", "--show-object-format"); got != f.String() {
				t.Errorf("object format is %s", got)
			}
			refs, head, err := hm.Refs(t.Context(), 7)
			if err != nil || head != "refs/heads/trunk" {
				t.Errorf("Refs: %s, %v", head, err)
			}
			var got []repo.Update
			for _, ref := range refs {
				got = append(got, repo.Update{Name: ref.Name, New: ref.ID})
			}
			if diff := cmp.Diff(creations(t, from), got, cmp.Comparer(func(a, b object.ID) bool { return a == b })); diff != "" {
				t.Errorf("refs differ:\n%s", diff)
			}
			shared(t, from.Dir(), dir)
		})
	}
}

// shared checks that two repositories have the same packs in the same files.
func shared(t *testing.T, a, b string) {
	t.Helper()
	packs, _ := filepath.Glob(filepath.Join(a, "objects/pack/*.pack"))
	if len(packs) == 0 {
		t.Error("no packs")
	}
	for _, path := range packs {
		one, _ := os.Stat(path)
		two, err := os.Stat(filepath.Join(b, "objects/pack", filepath.Base(path)))
		if err != nil || !os.SameFile(one, two) {
			t.Errorf("%s is not shared: %v", filepath.Base(path), err)
		}
	}
}

func TestPublishIsAllOrNothing(t *testing.T) {
	hm, from := newHome(t), raw(t, object.SHA1)
	hm.publish(7, from)
	before := testenv.ShowRefs(t, hm.path(7))
	updates := creations(t, from)
	err := hm.Publish(t.Context(), 7, Publication{From: from, Updates: append(updates[:1:1], repo.Update{Name: "refs/heads/new", New: updates[0].New}), Head: "refs/heads/new"})
	var moved *repo.MovedError
	if !errors.As(err, &moved) || moved.Name != updates[0].Name {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, testenv.ShowRefs(t, hm.path(7))); diff != "" {
		t.Errorf("refs changed:\n%s", diff)
	}
	other := raw(t, object.SHA256)
	if err := hm.Publish(t.Context(), 7, Publication{From: other, Updates: creations(t, other), Head: ""}); err == nil {
		t.Error("sha256 went into a sha1 repository that is not empty")
	}
}

func TestCreateAndRemove(t *testing.T) {
	hm := newHome(t)
	hm.create(7, object.SHA1)
	if err := hm.Create(t.Context(), 7, object.SHA1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second Create: %v", err)
	}
	if !hm.Exists(7) || hm.Exists(8) {
		t.Error("Exists is wrong")
	}
	for range 2 {
		if err := hm.Remove(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := hm.Refs(t.Context(), 7); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("Refs of a removed repository: %v", err)
	}
	hm.create(7, object.SHA256)
	if left, _ := os.ReadDir(hm.o.Dir); len(left) != 1 {
		t.Errorf("left %v", left)
	}
}

func TestNewClearsAway(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".new-1/HEAD", ".gone-2/git/HEAD", ".spool-3"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, nil, 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	from := raw(t, object.SHA1)
	if err := h.Create(t.Context(), 1, object.SHA1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"packed-refs.lock", "HEAD.lock", "refs/heads/trunk.lock"} {
		if err := os.WriteFile(filepath.Join(h.path(1), name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Publish(t.Context(), 1, Publication{From: from, Updates: creations(t, from), Head: "refs/heads/trunk"}); err != nil {
		t.Errorf("locks of the dead: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if _, _, err := h.Refs(t.Context(), 1); !errors.Is(err, errClosed) {
		t.Errorf("after Close: %v", err)
	}
}
