package git

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

func TestCredentials(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	url := testenv.ServeGit(t, root, testenv.Options{User: "ada", Password: "canary-pw"}) + "/r.git"
	g := newGit(t, egress.Policy{})
	for _, c := range []struct {
		user, password string
		code           rehome.Code
	}{
		{"ada", "canary-pw", ""},
		{"ada", "wrong-canary", rehome.CredentialsRefused},
		{"", "canary-pw", rehome.CredentialsRefused},
		{"", "", rehome.CredentialsWanted},
	} {
		l := location(t, url)
		l.Username, l.Password = c.user, rehome.Secret(c.password)
		_, dir, err := fetch(t, g, l)
		_, detected := g.Detect(t.Context(), l)
		if c.code == "" {
			if err != nil || detected != nil {
				t.Errorf("%v, %v", err, detected)
			}
			continue
		}
		wantFailure(t, c.user, dir, err, c.code)
		if rehome.CodeOf(detected) != c.code {
			t.Errorf("detect: %v, want %s", detected, c.code)
		}
		// The command line shows the hint too, so it names no request of the API's.
		hint := rehome.AsError(err).Hint
		if wanted := c.code == rehome.CredentialsWanted; hint == "" || wanted != (hint == source.GiveCredentials) || strings.Contains(hint, "PATCH") {
			t.Errorf("%s: hint %q", c.code, hint)
		}
		if text := fmt.Sprintf("%v %+v %v", err, err, errors.Unwrap(err)); strings.Contains(text, "canary") {
			t.Errorf("the error holds the password: %s", text)
		}
	}
}

func TestWhatIsNoRepository(t *testing.T) {
	root := t.TempDir()
	testenv.Empty(t, filepath.Join(root, "r.git"), "sha1")
	answer := func(status int, contentType, body string) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", contentType)
				w.WriteHeader(status)
				io.WriteString(w, body)
			})
		}
	}
	g := newGit(t, egress.Policy{})
	for _, c := range []struct {
		name string
		wrap func(http.Handler) http.Handler
		code rehome.Code
	}{
		{"missing", nil, rehome.NotARepository},
		{"dumb protocol", answer(200, "text/plain", "0123456789012345678901234567890123456789\trefs/heads/main\n"), rehome.NotARepository},
		{"403", answer(403, "text/plain", "no"), rehome.CredentialsWanted},
	} {
		url := testenv.ServeGit(t, root, testenv.Options{Wrap: c.wrap}) + "/none.git"
		_, dir, err := fetch(t, g, location(t, url))
		wantFailure(t, c.name, dir, err, c.code)
	}
	for _, path := range []string{root, filepath.Join(root, "nothing"), "-evil", os.DevNull} {
		_, dir, err := fetch(t, g, remote.Location{Path: path})
		wantFailure(t, path, dir, err, rehome.NotARepository)
	}
}

func TestUnreachableIsTriedAgain(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	var failures atomic.Int64
	url := testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if failures.Add(-1) >= 0 {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}}) + "/r.git"
	g := newGit(t, egress.Policy{})
	failures.Store(2)
	if _, _, err := fetch(t, g, location(t, url)); err != nil {
		t.Errorf("two failures: %v", err)
	}
	failures.Store(1000)
	_, dir, err := fetch(t, g, location(t, url))
	wantFailure(t, "only failures", dir, err, rehome.Unreachable)
	for _, raw := range []string{"http://127.0.0.1:1/r.git", "http://name.invalid/r.git"} {
		_, dir, err := fetch(t, g, location(t, raw))
		wantFailure(t, raw, dir, err, rehome.Unreachable)
	}
}

func TestPolicyIsAsked(t *testing.T) {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{Client: client})
	_, dir, err := fetch(t, g, location(t, "http://127.0.0.1:1/r.git"))
	wantFailure(t, "loopback", dir, err, rehome.BlockedByPolicy)
}

func TestRedirectedDiscoveryMovesTheBase(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	var post atomic.Int64
	url := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: "p", Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if to, found := strings.CutPrefix(r.URL.Path, "/r/"); found {
				http.Redirect(w, r, "/r.git/"+to+"?"+r.URL.RawQuery+"#fragment", http.StatusMovedPermanently)
				return
			}
			if strings.HasPrefix(r.URL.Path, "/login/") {
				http.Redirect(w, r, "/r.git/HEAD", http.StatusFound)
				return
			}
			if r.Method == http.MethodPost && post.Add(1) > 100 {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				return
			}
			h.ServeHTTP(w, r)
		})
	}})
	g := newGit(t, egress.Policy{})
	withUser := strings.Replace(url, "http://", "http://u:p@", 1)
	res, dir, err := fetch(t, g, location(t, withUser+"/r/"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, filepath.Join(root, "r.git"), dir, res)
	_, dir, err = fetch(t, g, location(t, withUser+"/login"))
	wantFailure(t, "redirect to something else", dir, err, rehome.NotARepository)
	post.Store(1000)
	_, dir, err = fetch(t, g, location(t, withUser+"/r.git"))
	wantFailure(t, "redirected POST", dir, err, rehome.NotARepository)
}

// Credentials stay with the origin they were given for, even when discovery is led away.
func TestCredentialsDoNotFollowToAnotherOrigin(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	var leaked atomic.Bool
	second := testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				leaked.Store(true)
			}
			h.ServeHTTP(w, r)
		})
	}})
	first := testenv.ServeGit(t, root, testenv.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, second+r.URL.RequestURI(), http.StatusFound)
		})
	}})
	_, _, err := fetch(t, newGit(t, egress.Policy{}), location(t, strings.Replace(first, "http://", "http://u:p@", 1)+"/r.git"))
	if err != nil || leaked.Load() {
		t.Errorf("%v, leaked %v", err, leaked.Load())
	}
}

// Credentials that stayed behind at a redirect were not refused by anybody, and the user is told what to do.
func TestRedirectToAnotherOriginThatWantsCredentials(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	second := testenv.ServeGit(t, root, testenv.Options{User: "u", Password: "p"})
	first := testenv.ServeGit(t, root, testenv.Options{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, second+r.URL.RequestURI(), http.StatusFound)
		})
	}})
	_, dir, err := fetch(t, newGit(t, egress.Policy{}), location(t, strings.Replace(first, "http://", "http://u:p@", 1)+"/r.git"))
	wantFailure(t, "stray", dir, err, rehome.CredentialsWanted)
	if err != nil && !strings.Contains(rehome.AsError(err).Hint, second+"/r.git") {
		t.Errorf("hint %q", rehome.AsError(err).Hint)
	}
}

// A server that says a little now and then is never idle, and must not hold a worker for ever.
func TestRefsThatNeverEnd(t *testing.T) {
	trickle := func(w http.ResponseWriter, r *http.Request, first string) {
		w.Header().Set("Content-Type", map[string]string{"GET": "application/x-git-upload-pack-advertisement", "POST": "application/x-git-upload-pack-result"}[r.Method])
		io.WriteString(w, first)
		for i := 0; r.Context().Err() == nil; i++ {
			io.WriteString(w, open(fmt.Sprintf("%s refs/heads/%d", hexA, i)))
			w.(http.Flusher).Flush()
			time.Sleep(time.Millisecond)
		}
	}
	for name, h := range map[string]http.HandlerFunc{
		"advertisement": func(w http.ResponseWriter, r *http.Request) { trickle(w, r, service+open(hexA+" HEAD\x00x")) },
		"ls-refs": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				io.Copy(io.Discard, r.Body)
				trickle(w, r, "")
				return
			}
			answers{info: v2}.ServeHTTP(w, r)
		},
		"nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		g := newGitWith(t, egress.Policy{}, Options{Patience: 100 * time.Millisecond})
		_, dir, err := fetch(t, g, location(t, serveAnswers(t, h)))
		wantFailure(t, name, dir, err, rehome.Unreachable)
	}
}

// The three requests of a fetch share one connection.
func TestOneConnection(t *testing.T) {
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "r.git"), "sha1", testenv.Size{Commits: 3})
	from := sync.Map{}
	url := testenv.ServeGit(t, root, testenv.Options{Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from.Store(r.RemoteAddr, true)
			h.ServeHTTP(w, r)
		})
	}})
	if _, _, err := fetch(t, newGit(t, egress.Policy{}), location(t, url+"/r.git")); err != nil {
		t.Fatal(err)
	}
	connections := 0
	from.Range(func(any, any) bool { connections++; return true })
	if connections != 1 {
		t.Errorf("%d connections", connections)
	}
}

func TestIdleSourceIsCutOff(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // no process, which may begin late
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			io.WriteString(w, lines("# service=git-upload-pack")+lines(hexA+" refs/heads/main\x00side-band-64k"))
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, "0008NAK\n")
		w.(http.Flusher).Flush()
		<-release
	}))
	t.Cleanup(server.Close)
	defer close(release)
	_, dir, err := fetch(t, newGit(t, egress.Policy{Idle: time.Second}), location(t, server.URL+"/r.git"))
	wantFailure(t, "idle", dir, err, rehome.SourceCutOff)
}

// What to do follows from the last words of a source that gave up.
func TestHintWhenTheSourceGivesUp(t *testing.T) {
	refs := lines(hexA+" HEAD symref-target:refs/heads/main", hexA+" refs/heads/main")
	const other = "Try again, or ask whoever runs the source."
	for _, c := range []struct{ name, pack, want string }{
		{"corruption", open("packfile") + bands("\x03aborting due to possible repository corruption on the remote side."), "Run git fsck at the source."},
		{"corruption, ERR line", open("ERR object is Corrupt"), "Run git fsck at the source."},
		{"band", open("packfile") + bands("\x03quota exceeded"), other},
		{"ERR line", open("ERR upload-pack: not our ref"), other},
	} {
		_, dir, err := fetch(t, newGit(t, egress.Policy{}), location(t, serveAnswers(t, answers{v2, refs, c.pack})))
		wantFailure(t, c.name, dir, err, rehome.SourceCutOff)
		if got := rehome.AsError(err).Hint; got != c.want {
			t.Errorf("%s: hint %q, want %q", c.name, got, c.want)
		}
	}
}
