package forge

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rehome/internal/egress"
	"rehome/internal/remote"
)

// A recorded forge answers on loopback as the public documentation of its API, or people who quoted it in public,
// say that the real one does: "METHOD path" to status, headers and body. What is not recorded is 404, as there.
type recorded map[string]reply

type reply struct {
	status int
	body   string
	header map[string]string
	then   *reply // of the next such request; nil: the same
}

// docs.gitea.com/api, "Returns the version of the Gitea application".
var giteaVersion = reply{status: 200, body: `{"version":"1.26.0"}`}

// docs.gitlab.com/api/version, asked by a stranger.
var gitlabVersion = reply{status: 401, body: `{"message":"401 Unauthorized"}`, header: map[string]string{"X-Gitlab-Meta": `{"correlation_id":"01H","version":"1"}`}}

// docs.github.com/enterprise-server/rest/meta, "Get GitHub Enterprise Server meta information".
var githubMeta = reply{status: 200, body: `{"verifiable_password_authentication":true,"installed_version":"3.17.0"}`, header: map[string]string{"X-GitHub-Enterprise-Version": "3.17.0", "X-GitHub-Request-Id": "1:2:3"}}

// asked is a request that a recorded forge got.
type asked struct {
	call, sign, body string
}

// server is a recorded forge at work.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	with recorded // guarded by mu
	got  []asked  // guarded by mu
}

func serve(t testing.TB, with recorded) *server {
	t.Helper()
	s := &server{with: with}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	call := r.Method + " " + r.URL.EscapedPath()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, asked{call, r.Header.Get("Authorization"), string(body)})
	a, ok := s.with[call]
	if !ok {
		a = reply{status: 404, body: `{"message":"Not Found"}`}
	}
	if a.then != nil {
		s.with[call] = *a.then
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// asked returns what was asked but for finding out, one "METHOD path" a line.
func (s *server) asked() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []string
	for _, a := range s.got {
		if !strings.HasSuffix(a.call, "/version") && !strings.HasSuffix(a.call, "/meta") {
			calls = append(calls, a.call)
		}
	}
	return strings.Join(calls, "\n")
}

// last returns the last request.
func (s *server) last() asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[len(s.got)-1]
}

// forges ask loopback without waiting between tries.
func forges(t testing.TB) *Forges {
	t.Helper()
	client, err := egress.New(egress.Policy{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return New(Options{Client: client, Version: "1", Sleep: func(context.Context, time.Duration) error { return nil }})
}

// locate reads the address of a repository; userinfo is put into it.
func locate(t testing.TB, base, userinfo, path string) remote.Location {
	t.Helper()
	if userinfo != "" {
		base = strings.Replace(base, "://", "://"+userinfo+"@", 1)
	}
	l, err := remote.Parse("url", base+path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// find is Find for an address at which a forge must be.
func find(t testing.TB, f *Forges, l remote.Location) Site {
	t.Helper()
	s, err := f.Find(t.Context(), l)
	if err != nil || s.Kind == Unknown {
		t.Fatalf("%s: %+v, %v", l, s, err)
	}
	return s
}
