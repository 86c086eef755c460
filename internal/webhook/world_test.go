package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/seal"
	"rehome/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bare are Hooks without a database.
func bare(t *testing.T, p egress.Policy) *Hooks {
	t.Helper()
	client, err := egress.New(p)
	must(t, err)
	t.Cleanup(client.Close)
	box, err := seal.Open(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	return New(Options{Client: client, Seal: box, Base: "https://new.test", Version: "1.2.3"})
}

// world are Hooks with a database, in which a user and an organisation have a repository each.
type world struct {
	*Hooks
	t        *testing.T
	file     string // the database
	user     rehome.Owner
	org      rehome.Owner
	own, its rehome.Repository
	at       rehome.HookTarget // own
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, filepath.Join(t.TempDir(), "rehome.db"))
}

// newWorldOn has its rows in a file, or in the Postgres database of a URL.
func newWorldOn(t *testing.T, where string) *world {
	t.Helper()
	w := &world{t: t, Hooks: bare(t, egress.Policy{AllowPrivate: true}), file: where}
	db, err := store.Open(t.Context(), w.file)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	w.DB = db
	w.limits.look = 50 * time.Millisecond
	w.user, err = db.CreateOwner(t.Context(), rehome.Owner{Login: "octocat", Kind: rehome.User})
	must(t, err)
	w.org, err = db.CreateOwner(t.Context(), rehome.Owner{Login: "labs", Kind: rehome.Organization})
	must(t, err)
	w.own, w.its = w.repository(w.user, "own"), w.repository(w.org, "its")
	w.at = rehome.HookTarget{RepositoryID: w.own.ID}
	return w
}

func (w *world) repository(o rehome.Owner, name string) rehome.Repository {
	w.t.Helper()
	r, err := w.DB.CreateRepository(w.t.Context(), rehome.Repository{Owner: o, Name: name})
	must(w.t, err)
	return r
}

// hook makes an active hook at own, or at the target given.
func (w *world) hook(c Config, at ...rehome.HookTarget) rehome.Hook {
	w.t.Helper()
	made, err := w.Create(w.t.Context(), append(at, w.at)[0], w.user, Create{Config: c, Active: true})
	must(w.t, err)
	return made
}

// end ends an import of r.
func (w *world) end(r rehome.Repository, how rehome.Outcome, by int64) {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.DB.CreateImport(ctx, store.Import{Import: rehome.Import{RepositoryID: r.ID, State: rehome.State{Status: rehome.Importing}}}, nil)
	must(w.t, err)
	var told func()
	_, err = w.DB.DeleteImport(ctx, r.ID, func(t *store.Tx, _ store.Import) (err error) {
		told, err = w.ImportEnded(ctx, t, rehome.ImportEnd{RepositoryID: r.ID, By: by, Outcome: how})
		return err
	})
	must(w.t, err)
	told()
}

// run runs until the test ends or stop is called.
func (w *world) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	w.t.Cleanup(stop)
	return stop
}

// newest is the newest delivery to the hook, whole.
func (w *world) newest(id int64) store.Delivery {
	w.t.Helper()
	all, err := w.DB.Deliveries(w.t.Context(), id, 0, 1)
	must(w.t, err)
	if len(all) == 0 {
		w.t.Fatalf("hook %d has no delivery", id)
	}
	d, err := w.DB.Delivery(w.t.Context(), id, all[0].ID)
	must(w.t, err)
	return d
}

// row is the hook's row, whatever its target.
func (w *world) row(h rehome.Hook) store.Hook {
	w.t.Helper()
	row, err := w.DB.Hook(w.t.Context(), h.Target, h.ID)
	must(w.t, err)
	return row
}

// await polls until it is so. The limit is for tests that fail.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it does not come to that", what)
		}
	}
}

// got is a request a receiver had.
type got struct {
	header http.Header
	body   string
}

// payload is the JSON of a request, which may be a form.
func (g got) payload(t *testing.T) map[string]any {
	t.Helper()
	text := g.body
	if g.header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(text)
		must(t, err)
		if len(form) != 1 || len(form["payload"]) != 1 {
			t.Fatalf("form: %q", text)
		}
		text = form.Get("payload")
	}
	var all map[string]any
	must(t, json.Unmarshal([]byte(text), &all))
	return all
}

func (g got) event() string { return g.header.Get("X-GitHub-Event") }

// receiver keeps what it is sent, and then answers as told.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	all []got // guarded by mu
}

// receive starts a receiver; with answer nil it takes everything. answer gets how many requests came before.
func receive(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, before int)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil || req.Method != http.MethodPost {
			t.Errorf("%s with %v", req.Method, err)
		}
		r.mu.Lock()
		before := len(r.all)
		r.all = append(r.all, got{req.Header, string(body)})
		r.mu.Unlock()
		if answer != nil {
			answer(w, req, before)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) requests() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.all...)
}

// await returns the requests once there are n.
func (r *receiver) await(t *testing.T, n int) []got {
	t.Helper()
	await(t, fmt.Sprintf("%d requests", n), func() bool { return len(r.requests()) >= n })
	return r.requests()
}

// hang waits until whoever asked gives up.
func hang(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }
