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
		if r.Header.Get("Retry-After") == "" || len(r.body) == 0 || strings.Contains(string(r.body), "connect") {
			t.Errorf("%s: headers %v, body %s", path, r.Header, r.body)
		}
	}
	s.want(t, 200, request{method: "GET", path: "/healthz"})
	server.Start(t)
	s.want(t, 200, request{method: "GET", path: "/user", token: string(secret)})
}
