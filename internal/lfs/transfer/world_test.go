package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// world is a server, a store, and what a download told.
type world struct {
	testenv.LFS
	t     testing.TB
	store *lfs.Store
	dir   string
	url   string
	o     Options
	d     *download

	mu    sync.Mutex
	done  []lfs.Object    // guarded by mu, as the next two
	slept []time.Duration //
	auth  []string        // "path Authorization" of each request
}

// newWorld starts a server; before answers a request and returns true, or leaves it to the honest one.
func newWorld(t testing.TB, before func(w http.ResponseWriter, r *http.Request) bool) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.auth = append(w.auth, r.URL.Path+" "+r.Header.Get("Authorization"))
		w.mu.Unlock()
		if before == nil || !before(out, r) {
			w.ServeHTTP(out, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.url = server.URL
	var err error
	if w.store, err = lfs.Local(w.dir); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, egress.Policy{AllowPrivate: true})
	at, err := url.Parse(server.URL + "/r.git/info/lfs")
	if err != nil {
		t.Fatal(err)
	}
	w.o = Options{
		Client: client, Endpoint: at, Store: w.store, Agent: "git/rehome",
		Done: func(o lfs.Object) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.done = append(w.done, o)
		},
		Sleep: func(ctx context.Context, d time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.slept = append(w.slept, d)
			return ctx.Err()
		},
	}
	return w
}

func newClient(t testing.TB, p egress.Policy) *egress.Client {
	t.Helper()
	client, err := egress.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// fetch downloads, with short bounds, and checks that done, the missing ones and the store agree.
func (w *world) fetch(objects ...lfs.Object) (Result, error) {
	w.t.Helper()
	w.d = newDownload(w.o)
	w.d.bounds = bounds{batch: 20 * time.Second, step: 20 * time.Second}
	return w.run(objects...)
}

func (w *world) run(objects ...lfs.Object) (Result, error) {
	w.t.Helper()
	r, err := w.d.run(w.t.Context(), objects)
	for _, o := range objects {
		there, failed := w.store.Has(w.t.Context(), o)
		if failed != nil {
			w.t.Fatal(failed)
		}
		if told := slices.Contains(w.done, o); there != told {
			w.t.Errorf("%s: told %v, in the store %v", o.OID, told, there)
		}
		if err == nil && there == slices.Contains(r.Missing, o) {
			w.t.Errorf("%s: in the store %v, and missing %v", o.OID, there, !there)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "tmp", "*")); len(left) > 0 {
		w.t.Errorf("left in the spool: %v", left)
	}
	return r, err
}

// came counts the objects that are there.
func (w *world) came() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.done)
}

// must fetches all.
func (w *world) must(objects ...lfs.Object) {
	w.t.Helper()
	if r, err := w.fetch(objects...); err != nil || len(r.Missing) > 0 {
		w.t.Fatalf("missing %v, why %v, error %v", r.Missing, r.Why, err)
	}
}

// gets counts requests that begin with text.
func (w *world) gets(text string) (n int) {
	for _, r := range w.Requests() {
		if strings.HasPrefix(r, text) {
			n++
		}
	}
	return n
}

func isBatch(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/objects/batch") }

// once answers true the first n times.
func once(n int) func() bool {
	var mu sync.Mutex
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		n--
		return n >= 0
	}
}

// linked answers a batch with what link says of each object.
func linked(w http.ResponseWriter, r *http.Request, link func(oid string) map[string]any) bool {
	if !isBatch(r) {
		return false
	}
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return true
	}
	list := []any{}
	for _, o := range asked.Objects {
		one := link(o.OID)
		if one != nil {
			one["oid"], one["size"] = o.OID, o.Size
			list = append(list, one)
		}
	}
	answerJSON(w, http.StatusOK, map[string]any{"objects": list})
	return true
}

// cutting breaks the connection after so many bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	c.ResponseWriter.Write(p[:c.left])
	c.ResponseWriter.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func download1(href string, header map[string]string) map[string]any {
	return map[string]any{"actions": map[string]any{"download": map[string]any{"href": href, "header": header}}}
}

func answerJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(body)
}

func wantCode(t testing.TB, err error, want rehome.Code) {
	t.Helper()
	if err == nil || rehome.CodeOf(err) != want {
		t.Errorf("got %v (%s), want %s", err, rehome.CodeOf(err), want)
	}
}

func text(n int) string {
	return strings.Repeat(fmt.Sprintf("%d bytes of an object that is larger than a step. ", n), n/40+1)[:n]
}

func read(t testing.TB, s *lfs.Store, o lfs.Object) string {
	t.Helper()
	in, err := s.Open(t.Context(), o.OID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// memory is a bucket without a disk, which is slow for so many files.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte // guarded by mu
}

func (m *memory) Put(_ context.Context, key, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[key] = b
	return nil
}

func (m *memory) Open(_ context.Context, key string, offset int64) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[key]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(b[min(offset, int64(len(b))):])), nil
}

// List knows whole keys only, as the store asks for.
func (m *memory) List(_ context.Context, key string) iter.Seq2[bucket.File, error] {
	return func(yield func(bucket.File, error) bool) {
		m.mu.Lock()
		b, ok := m.files[key]
		m.mu.Unlock()
		if ok {
			yield(bucket.File{Key: key, Size: int64(len(b))}, nil)
		}
	}
}

func (m *memory) Remove(context.Context, string) error { return nil }
