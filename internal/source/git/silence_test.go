package git

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/source"
)

// TestSilentSource: a source that takes a request and never answers is asked once, and waited for no longer than
// its refs are worth: less where only what it is has to be found out.
func TestSilentSource(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a header": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"no refs": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				io.Copy(io.Discard, r.Body) //nolint:errcheck // a test's server
				<-r.Context().Done()
				return
			}
			answers{info: v2}.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			url := serveAnswers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					asked.Add(1)
				}
				h(w, r)
			}))
			l := location(t, url)
			wait := func(detect, fetch time.Duration) *Git {
				g := newGit(t, egress.Policy{})
				g.silence = Silence{detect, fetch}
				return g
			}
			_, detected := wait(time.Second/2, time.Hour).Detect(t.Context(), l)
			_, dir, err := fetch(t, wait(time.Hour, time.Second/2), l)
			wantFailure(t, name, dir, err, rehome.Unreachable)
			want := l.URL.Host + " does not answer in time."
			for _, err := range []error{detected, err} {
				if rehome.AsError(err).Message != want || !errors.Is(err, egress.ErrLate) {
					t.Errorf("%v, want %q", err, want)
				}
			}
			if asked.Load() != 2 {
				t.Errorf("asked %d times for two tries", asked.Load())
			}
		})
	}
	if g := New(Options{}); g.silence != (Silence{30 * time.Second, time.Minute}) {
		t.Errorf("by default: %v", g.silence)
	}
}

// TestTrickleIsNotTriedAgain: who has had all its time to tell its refs gets it once.
func TestTrickleIsNotTriedAgain(t *testing.T) {
	var asked atomic.Int64
	g := newGitWith(t, egress.Policy{}, Options{Patience: time.Second / 2})
	_, dir, err := fetch(t, g, location(t, serveAnswers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		io.WriteString(w, service) //nolint:errcheck // a test's server
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))))
	wantFailure(t, "trickle", dir, err, rehome.Unreachable)
	if !errors.Is(err, egress.ErrLate) || asked.Load() != 1 {
		t.Errorf("%v after %d requests", err, asked.Load())
	}
}

// TestPlainHTTPAskedForTLS: another try makes no difference to that.
func TestPlainHTTPAskedForTLS(t *testing.T) {
	var connections atomic.Int64
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		if now == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	_, err := newGit(t, egress.Policy{}).Detect(t.Context(), location(t, strings.Replace(s.URL, "http:", "https:", 1)+"/r.git"))
	if rehome.CodeOf(err) != rehome.Unreachable || connections.Load() != 1 {
		t.Errorf("%v after %d connections", err, connections.Load())
	}
}

// TestWordsOfARefusal: what the server says is passed on, but for what it repeats of a secret.
func TestWordsOfARefusal(t *testing.T) {
	const password, token = "canary/p w", "canary-token-0123456789"
	basic := base64.StdEncoding.EncodeToString([]byte("mona:" + password))
	for _, c := range []struct {
		user, password, says, want string
	}{
		{"mona", password, "mona may not read this", `The source refuses the user name and password (status 403): "mona may not read this".`},
		{"mona", password, "canary is not " + password, ""},
		{"mona", password, "cut here\nBasic " + basic, ""},
		{"mona", password, "Basic " + strings.TrimRight(basic, "="), ""},
		{"mona", password, "password=canary%2Fp+w", ""},
		{"mona", password, "password canary%2Fp%20w", ""},
		{"mona", password, "canary/p\tw", ""},
		{token, "", "no such user: " + token, ""},
		{token, "x-oauth-basic", "no such user: " + token, ""},
		{"", password, "no: " + password, ""},
		{"", "", "Forbidden: your IP is banned\nor not", `The source refuses this (status 403): "Forbidden: your IP is banned".`},
	} {
		url := serveAnswers(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, c.says)
		}))
		l := location(t, url)
		l.Username, l.Password = c.user, rehome.Secret(c.password)
		_, dir, err := fetch(t, newGit(t, egress.Policy{}), l)
		code := rehome.CredentialsRefused
		if c.user+c.password == "" {
			code = rehome.CredentialsWanted
		}
		wantFailure(t, c.says, dir, err, code)
		if c.want == "" {
			c.want = "The source refuses the user name and password (status 403)."
		}
		if e := rehome.AsError(err); e.Message != c.want || strings.Contains(e.Hint, "canary") {
			t.Errorf("%q: %q, %q; want %q", c.says, e.Message, e.Hint, c.want)
		}
	}
}

// TestWordsThatNeverEnd: a server that refuses is not listened to for ever.
func TestWordsThatNeverEnd(t *testing.T) {
	g := newGitWith(t, egress.Policy{}, Options{Words: 50 * time.Millisecond})
	_, err := g.Detect(t.Context(), location(t, serveAnswers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))))
	if e := rehome.AsError(err); e.Code != rehome.CredentialsWanted || e.Hint != source.GiveCredentials {
		t.Errorf("%v", err)
	}
}
