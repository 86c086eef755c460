package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"rehome/internal/auth"
)

// quiet is a writer that keeps nothing.
type quiet struct {
	header http.Header
	status int
}

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) WriteHeader(status int)      { q.status = status }
func (q *quiet) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkGetImport is the call everybody polls: rows from SQLite, the whole way through the handler.
func BenchmarkGetImport(b *testing.B) {
	s := start(b, func(o *Options) { o.Log, o.Limits = slog.New(slog.DiscardHandler), auth.NewLimiter(1<<30, time.Now) })
	token := s.token(b, auth.Grant{User: "octocat"})
	s.create(b, token, "socm", "")
	const at = "/api/v3/repos/octocat/socm/import"
	s.want(b, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "http://127.0.0.1:1/old.git"}`})
	s.work(b) // what waits for its turn says so after a while, and would be changed
	tag := s.want(b, 200, request{method: "GET", path: at, token: token}).Header.Get("ETag")
	for _, c := range []struct {
		name, known string
		want        int
	}{{"whole", "", 200}, {"unchanged", tag, 304}} {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "http://new.example"+at, nil)
		r.Header.Set("Authorization", "token "+token)
		if c.known != "" {
			r.Host = s.Listener.Addr().String() // its URLs are part of what is unchanged
			r.Header.Set("If-None-Match", c.known)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := &quiet{header: http.Header{}}
				s.api.ServeHTTP(w, r)
				if w.status != c.want {
					b.Fatalf("status %d", w.status)
				}
			}
		})
		b.Run(c.name+", many at once", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					s.api.ServeHTTP(&quiet{header: http.Header{}}, r.Clone(b.Context()))
				}
			})
		})
	}
}
