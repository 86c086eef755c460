package api

import (
	"net/http"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// While the database is away every door says so, in its own shape, and says when to come again.
func TestDatabaseAway(t *testing.T) {
	server := testenv.OwnPostgres(t)
	db, err := store.Open(t.Context(), server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := start(t, func(o *Options) { o.DB, o.Auth = db, auth.New(db) })
	_, secret, err := auth.New(db).Issue(t.Context(), auth.Grant{User: "octocat"})
	if err != nil {
		t.Fatal(err)
	}
	s.want(t, 200, request{method: "GET", path: "/user", token: string(secret)})
	server.Kill(t)
	for _, path := range []string{"/user", "/readyz", "/octocat/a.git/info/refs?service=git-upload-pack"} {
		r := s.want(t, http.StatusServiceUnavailable, request{method: "GET", path: path, token: string(secret)})
		if !strings.Contains(path, ".git/") && !strings.Contains(string(r.body), `"field":"database"`) {
			t.Errorf("%s does not say what is away: %s", path, r.body)
		}
		if r.Header.Get("Retry-After") == "" || len(r.body) == 0 || strings.Contains(string(r.body), "connect") {
			t.Errorf("%s: headers %v, body %s", path, r.Header, r.body)
		}
	}
	for _, path := range []string{"/octocat/a.git/info/refs?service=git-upload-pack", "/octocat/a.git/info/lfs/objects/x"} { // without a token nobody is looked up before
		if r := s.want(t, http.StatusServiceUnavailable, request{method: "GET", path: path}); r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: headers %v, body %s", path, r.Header, r.body)
		}
	}
	s.want(t, 200, request{method: "GET", path: "/healthz"})
	server.Start(t)
	s.want(t, 200, request{method: "GET", path: "/user", token: string(secret)})
}

// A bucket that is away is told by the probe, which answers all the same; what it cannot do says what is away.
func TestBucketAway(t *testing.T) {
	up := false
	s := start(t, func(o *Options) { o.BucketUp = func() bool { return up } })
	if o := s.want(t, 200, request{method: "GET", path: "/readyz"}).object(t); o["status"] != "degraded" || o["object_store"] != "does not answer" {
		t.Errorf("away: %v", o)
	}
	up = true
	if o := s.want(t, 200, request{method: "GET", path: "/readyz"}).object(t); o["status"] != "ok" || len(o) != 1 {
		t.Errorf("back: %v", o)
	}
}
