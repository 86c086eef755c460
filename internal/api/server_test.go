package api

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome"
	"rehome/internal/api/described"
	"rehome/internal/auth"
	"rehome/internal/store"
)

// testServer is the API over real parts in a temporary folder.
type testServer struct {
	*httptest.Server
	api  *API
	db   *store.DB
	auth *auth.Auth
	log  *logBuffer
	dir  string // of rows and folders
}

func start(t testing.TB, change func(*Options)) *testServer {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	log := &logBuffer{}
	o := Options{
		DB: db, Auth: auth.New(db), Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Clock: func() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) },
	}
	parts(t, &o, dir, db)
	if change != nil {
		change(&o)
	}
	api := New(o).(*API)
	s := &testServer{Server: httptest.NewServer(api), api: api, db: db, auth: o.Auth, log: log, dir: dir}
	t.Cleanup(s.Close)
	return s
}

// token makes a token; an empty grant is the administrator's.
func (s *testServer) token(t testing.TB, g auth.Grant) string {
	t.Helper()
	if g.User == "" {
		g = auth.Grant{User: "admin", Admin: true}
	}
	_, secret, err := s.auth.Issue(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

// request is one call; headers are names and values by turns.
type request struct {
	method, path, token, body string
	headers                   []string
}

type response struct {
	*http.Response
	body []byte
}

func (s *testServer) do(t testing.TB, q request) response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), q.method, s.URL+q.path, strings.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	if q.token != "" {
		r.Header.Set("Authorization", "token "+q.token)
	}
	for i := 0; i+1 < len(q.headers); i += 2 {
		r.Header.Set(q.headers[i], q.headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	x := described.Exchange{Request: r, Sent: []byte(q.body), Answer: resp, Body: body}
	if err := asDescribed(t).Check(x); err != nil {
		t.Errorf("not as described: %v", err)
	}
	return response{resp, body}
}

// want does the call and stops the test unless the status is the one wanted.
func (s *testServer) want(t testing.TB, status int, q request) response {
	t.Helper()
	r := s.do(t, q)
	if r.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", q.method, q.path, r.StatusCode, status, r.body)
	}
	return r
}

func (r response) object(t testing.TB) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(r.body, &o); err != nil {
		t.Fatalf("%s is no object: %v", r.body, err)
	}
	return o
}

func (r response) list(t testing.TB) []map[string]any {
	t.Helper()
	var l []map[string]any
	if err := json.Unmarshal(r.body, &l); err != nil || l == nil {
		t.Fatalf("%s is no list: %v", r.body, err)
	}
	return l
}

// create makes a repository and returns it as stored.
func (s *testServer) create(t testing.TB, token, name, body string) rehome.Repository {
	t.Helper()
	if body == "" {
		body = `{"name": "` + name + `"}`
	}
	made := s.want(t, 201, request{"POST", "/user/repos", token, body, nil}).object(t)
	repo, err := s.db.RepositoryByID(t.Context(), int64(made["id"].(float64)))
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

// logBuffer keeps what the server logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
