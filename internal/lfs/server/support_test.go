package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/lfs"
	"rehome/internal/store"
)

// world is a Server with two repositories, at /1/… and /2/….
type world struct {
	*httptest.Server
	lfs      *Server
	db       *store.DB
	dir      string // of the store
	one, two int64  // repositories
	readOnly bool
}

func start(t *testing.T, change func(*Server)) *world {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{db: db, dir: filepath.Join(dir, "lfs")}
	kept, err := lfs.Local(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	w.lfs = New(Options{Store: kept, DB: db, MaxObject: 1 << 20})
	if change != nil {
		change(w.lfs)
	}
	owner, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat"})
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]*int64{"one": &w.one, "two": &w.two} {
		r, err := db.CreateRepository(t.Context(), rehome.Repository{Owner: owner, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		*id = r.ID
	}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

// ServeHTTP does what the API does before: it finds the repository.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	id, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	repoID, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	rw.Header().Set("X-GitHub-Request-Id", "id-of-request")
	w.lfs.Serve(rw, r, repoID, w.base(), path, !w.readOnly)
}

func (w *world) base() *url.URL {
	return &url.URL{Scheme: "https", Host: "forge.example:8443", Path: "/prefix/octocat/one.git"}
}

func objectOf(content string) lfs.Object {
	return lfs.Object{OID: sha256.Sum256([]byte(content)), Size: int64(len(content))}
}

type response struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are names and values by turns, those of the API in JSON for a POST unless given.
func (w *world) do(t *testing.T, method string, repoID int64, path string, body io.Reader, headers ...string) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("%s/%d/%s", w.URL, repoID, path), body)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set("Accept", mediaType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response{resp.StatusCode, resp.Header, text}
}

func (w *world) put(t *testing.T, repoID int64, content string) lfs.Object {
	t.Helper()
	o := objectOf(content)
	if r := w.do(t, "PUT", repoID, "objects/"+o.OID.String(), strings.NewReader(content)); r.status != 200 {
		t.Fatalf("upload: status %d: %s", r.status, r.body)
	}
	return o
}

// batch asks about objects and returns the answer.
func (w *world) batch(t *testing.T, repoID int64, operation string, objects ...lfs.Object) batchAnswer {
	t.Helper()
	q := map[string]any{"operation": operation, "objects": named(objects...)}
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	r := w.do(t, "POST", repoID, "objects/batch", bytes.NewReader(body))
	if r.status != 200 || r.header.Get("Content-Type") != mediaType {
		t.Fatalf("batch: status %d, %s: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	var a batchAnswer
	if err := json.Unmarshal(r.body, &a); err != nil {
		t.Fatal(err)
	}
	if a.Transfer != "basic" || a.HashAlgo != "sha256" || len(a.Objects) != len(objects) {
		t.Fatalf("batch answered %s", r.body)
	}
	for i, o := range a.Objects {
		if o.OID != objects[i].OID.String() || o.Size != objects[i].Size {
			t.Errorf("asked about %v, got %v", objects[i], o)
		}
	}
	return a
}

func named(objects ...lfs.Object) []map[string]any {
	list := []map[string]any{}
	for _, o := range objects {
		list = append(list, map[string]any{"oid": o.OID.String(), "size": o.Size})
	}
	return list
}

// wantNothing wants no file, neither in the spool nor among the objects, and no row of the first repository.
func (w *world) wantNothing(t *testing.T) {
	t.Helper()
	if left := w.files(t); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if n, _, err := w.db.LFSCount(t.Context(), w.one); n != 0 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
}

func (w *world) files(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(path, w.dir))
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// wantRefusal wants an error as docs/api/batch.md has it.
func (r response) wantRefusal(t *testing.T, what string, status int) {
	t.Helper()
	var e struct {
		Message   string
		RequestID string `json:"request_id"`
	}
	if r.status != status || r.header.Get("Content-Type") != mediaType {
		t.Errorf("%s: status %d, %q, want %d: %s", what, r.status, r.header.Get("Content-Type"), status, r.body)
	} else if err := json.Unmarshal(r.body, &e); err != nil || e.Message == "" || e.RequestID != "id-of-request" {
		t.Errorf("%s: refused with %s, %v", what, r.body, err)
	}
}

// until waits for something that another goroutine does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("waited too long until " + what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
