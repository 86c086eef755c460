package testenv

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Options says how a Server behaves. The zero value is an honest open server.
type Options struct {
	User, Password string // when set, every request must bring them as HTTP Basic
	Protocol       string // "v0", "v1" or "v2": what the server speaks whatever the client asks; "" as asked

	CutAfter int64         // cut the connection after so many bytes of upload-pack answers, all of them together; 0 = never
	Throttle time.Duration // wait before each write of an upload-pack answer

	Push bool                            // pushes are taken, too; the hooks of a repository run
	TLS  bool                            // https with httptest's certificate
	Wrap func(http.Handler) http.Handler // stands before everything else; may be nil
}

// Server serves the bare repositories below a folder over smart HTTP, for fetching
// only unless Options.Push, by git's own http-backend. Safe for concurrent use.
type Server struct {
	URL  string // as http://127.0.0.1:PORT, no slash at the end
	Test *httptest.Server

	o    Options
	sent atomic.Int64

	mu       sync.Mutex
	requests []string // guarded by mu
}

// ServeGit serves the repositories below root until the test ends and returns the base URL.
// A repository at root/a/b.git is at URL/a/b.git.
func ServeGit(t testing.TB, root string, o Options) string {
	t.Helper()
	return NewServer(t, root, o).URL
}

// NewServer is ServeGit for those who want to ask the server afterwards.
func NewServer(t testing.TB, root string, o Options) *Server {
	t.Helper()
	s := &Server{o: o}
	var h http.Handler = s.handler(t, root)
	if o.Wrap != nil {
		h = o.Wrap(h)
	}
	s.Test = httptest.NewUnstartedServer(h)
	if o.TLS {
		s.Test.StartTLS()
	} else {
		s.Test.Start()
	}
	s.URL = s.Test.URL
	t.Cleanup(func() {
		s.Test.CloseClientConnections()
		s.Test.Close()
	})
	return s
}

// Sent returns how many bytes of upload-pack answers have been written, over all requests.
func (s *Server) Sent() int64 { return s.sent.Load() }

// Requests returns "METHOD path?query" of each request that reached git, in order.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func (s *Server) handler(t testing.TB, root string) http.Handler {
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	env := append(Env()[1:],
		"GIT_PROJECT_ROOT="+abs, "GIT_HTTP_EXPORT_ALL=1",
		"GIT_CONFIG_COUNT=2", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=http.receivepack", fmt.Sprintf("GIT_CONFIG_VALUE_1=%t", s.o.Push))
	if s.o.Protocol != "" && s.o.Protocol != "v0" {
		env = append(env, "GIT_PROTOCOL=version="+s.o.Protocol[1:])
	}
	backend := &cgi.Handler{
		Path: filepath.Join(execPath(t), "git-http-backend"), Dir: abs, Env: env,
		Stderr: io.Discard, Logger: log.New(io.Discard, "", 0),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.allowed(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		s.note(r)
		if s.o.Protocol != "" {
			r.Header.Del("Git-Protocol")
		}
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			w = &answer{ResponseWriter: w, s: s}
		}
		backend.ServeHTTP(w, r)
	})
}

func (s *Server) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
}

func (s *Server) allowed(r *http.Request) bool {
	if s.o.User == "" && s.o.Password == "" {
		return true
	}
	user, password, _ := r.BasicAuth()
	return subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(s.o.User+"\x00"+s.o.Password)) == 1
}

// answer counts, slows and cuts what git says.
type answer struct {
	http.ResponseWriter
	s *Server
}

func (a *answer) Write(p []byte) (int, error) {
	if a.s.o.Throttle > 0 {
		time.Sleep(a.s.o.Throttle)
		defer a.flush()
	}
	sent := a.s.sent.Add(int64(len(p)))
	if cut := a.s.o.CutAfter; cut > 0 && sent >= cut {
		a.ResponseWriter.Write(p[:max(0, int64(len(p))-(sent-cut))])
		a.flush()
		panic(http.ErrAbortHandler)
	}
	return a.ResponseWriter.Write(p)
}

func (a *answer) flush() { a.ResponseWriter.(http.Flusher).Flush() }

var findExecPath = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	return strings.TrimSpace(string(out)), err
})

func execPath(t testing.TB) string {
	path, err := findExecPath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
