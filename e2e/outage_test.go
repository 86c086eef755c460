package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/testenv"
)

// fetchGate holds back what is fetched from a source until it is opened.
type fetchGate struct {
	came   chan struct{} // closed with the first fetch
	open   chan struct{} // to be closed
	coming sync.Once
}

func newFetchGate() *fetchGate {
	return &fetchGate{came: make(chan struct{}), open: make(chan struct{})}
}

func (g *fetchGate) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.coming.Do(func() { close(g.came) })
			select {
			case <-g.open:
			case <-r.Context().Done():
			}
		}
		h.ServeHTTP(w, r)
	})
}

// TestDatabaseOutage kills Postgres under a server whose only worker fetches, while another import waits and a webhook is to be told. The
// server answers that it cannot, and when Postgres is back all goes on by itself: the fetch is not lost, the sweep takes up what waits, and
// every webhook is told once.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	root, g := t.TempDir(), newFetchGate()
	testenv.Synthetic(t, filepath.Join(root, "a.git"), "sha1", testenv.Size{Commits: 50})
	held := testenv.ServeGit(t, root, testenv.Options{Wrap: g.wrap}) + "/a.git"
	free := testenv.ServeGit(t, root, testenv.Options{}) + "/a.git"
	server := testenv.OwnPostgres(t)
	s := testServer(t, "--database", server.NewDatabase(t), "--workers", "1")
	told := &scriptReceiver{code: http.StatusOK}
	hooks := httptest.NewServer(told)
	t.Cleanup(hooks.Close)
	begin := func(name, from string) {
		t.Helper()
		at := "/repos/admin/" + name
		want(t, 201)(call(s.base, adminToken, "POST", "/user/repos", fmt.Sprintf(`{"name": %q}`, name), nil))
		want(t, 201)(call(s.base, adminToken, "POST", at+"/hooks", fmt.Sprintf(`{"config": {"url": "%s/%s", "content_type": "json"}}`, hooks.URL, name), nil))
		want(t, 201)(call(s.base, adminToken, "PUT", at+"/import", fmt.Sprintf(`{"vcs": "git", "vcs_url": %q}`, from), nil))
	}
	begin("first", held)
	<-g.came
	begin("second", free)

	server.Kill(t)
	open := sync.OnceFunc(func() { close(g.open) })
	defer open()
	for began := time.Now(); time.Since(began) < 8*time.Second; time.Sleep(500 * time.Millisecond) { // longer than anybody tries a query again
		wantAway(t, s)
		open() // what comes now cannot be written down
	}
	server.Start(t)
	for _, name := range []string{"first", "second"} {
		if _, err := pollFor(s.base, "admin/"+name, "complete"); err != nil {
			t.Fatal(err)
		}
	}
	for _, hook := range []string{"first/hooks/1", "second/hooks/2"} {
		wantTold(t, s, "/repos/admin/"+hook+"/deliveries")
	}
	if _, twice, kinds := told.nth("success", 3); twice {
		t.Errorf("there came %q", kinds)
	}
}

// wantAway wants requests that need the database to be told when to come again, and the rest to be answered.
func wantAway(t *testing.T, s *server) {
	t.Helper()
	for _, q := range []struct{ method, path, body string }{
		{"GET", "/readyz", ""},
		{"GET", "/repos/admin/first/import", ""},
		{"GET", "/user", ""},
		{"PATCH", "/repos/admin/first/import", ""},
		{"POST", "/user/repos", `{"name": "third"}`},
	} {
		got := want(t, 503)(call(s.base, adminToken, q.method, q.path, q.body, nil))
		if got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), "postgres") {
			t.Errorf("%s %s: %v %s", q.method, q.path, got.header, got.body)
		}
	}
	want(t, 200)(call(s.base, "", "GET", "/healthz", "", nil))
}

// delivered is a delivery in a list.
type delivered struct {
	Event string
	Code  int `json:"status_code"`
	Next  any `json:"next_attempt_at"`
}

// wantTold waits until a webhook's one delivery about an import is made.
func wantTold(t *testing.T, s *server, deliveries string) {
	t.Helper()
	var got answer
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var all []delivered
		got = want(t, 200)(call(s.base, adminToken, "GET", deliveries, "", nil))
		if err := json.Unmarshal(got.body, &all); err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(d delivered) bool { return d.Event == "ping" })
		if len(all) == 1 && all[0].Code == 200 && all[0].Next == nil {
			return
		}
	}
	t.Errorf("%s: %s", deliveries, got.body)
}
