package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"rehome/internal/testenv"
)

// git runs git in dir, away from the user's settings.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	return testenv.Run(ctx, dir, nil, args...)
}

// fastImport makes what a stream says in the repository at dir.
func fastImport(ctx context.Context, dir string, write func(io.Writer) error) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	_, err := testenv.Run(ctx, dir, r, "fast-import", "--quiet")
	return err
}

// origin serves one repository over smart HTTP on loopback.
type origin struct {
	URL  string
	sent atomic.Int64 // bytes of upload-pack answers
	pace atomic.Int64 // bytes a second; 0 = as fast as it goes
	http *http.Server
}

func serve(ctx context.Context, dir string) (*origin, error) {
	return serveThrough(ctx, dir, func(h http.Handler) http.Handler { return h })
}

func serveThrough(ctx context.Context, dir string, through func(http.Handler) http.Handler) (*origin, error) {
	exec, err := git(ctx, dir, "--exec-path")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: filepath.Join(exec, "git-http-backend"),
		Dir:  dir,
		Env: append(testenv.Env(), "GIT_PROJECT_ROOT="+filepath.Dir(dir), "GIT_HTTP_EXPORT_ALL=1",
			"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"),
	}
	o := &origin{URL: "http://" + listener.Addr().String() + "/" + filepath.Base(dir)}
	o.http = &http.Server{Handler: through(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			w = &counted{w, o}
		}
		backend.ServeHTTP(w, r)
	}))}
	go o.http.Serve(listener)
	return o, nil
}

func (o *origin) close() { o.http.Close() }

// counted counts and paces an answer.
type counted struct {
	http.ResponseWriter
	o *origin
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.o.sent.Add(int64(n))
	if pace := c.o.pace.Load(); pace > 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(time.Duration(n) * time.Second / time.Duration(pace))
	}
	return n, err
}
