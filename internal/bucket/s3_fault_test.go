package bucket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/testenv"
)

// TestS3Recovers has a server that fails at first, with each request, in each way.
func TestS3Recovers(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	small, large := random(t, 1000), random(t, 12*mib)
	for name, fail := range map[string]func(http.ResponseWriter){
		"500": func(w http.ResponseWriter) { w.WriteHeader(500) },
		"503": func(w http.ResponseWriter) { w.WriteHeader(503) },
		"slow": func(w http.ResponseWriter) {
			w.WriteHeader(503)
			io.WriteString(w, "<Error><Code>SlowDown</Code></Error>")
		}, //nolint:errcheck // a test
		"hangs up": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			key := "of-" + strings.ReplaceAll(name, " ", "-")
			failed := map[string]int{}
			p.set(func(w http.ResponseWriter, r *http.Request) bool {
				p.mu.Lock()
				what := r.Method + r.URL.RequestURI()
				failed[what]++
				again := failed[what] <= 2
				p.mu.Unlock()
				if again {
					fail(w)
				}
				return again
			})
			if err := errors.Join(b.Put(t.Context(), key, small), b.Put(t.Context(), key+"-large", large)); err != nil {
				t.Fatal(err)
			}
			comesBack(t, b, key, small)
			comesBack(t, b, key+"-large", large)
			if err := errors.Join(b.Remove(t.Context(), key), b.Remove(t.Context(), key+"-large")); err != nil {
				t.Fatal(err)
			}
			nothing(t, b)
		})
	}
}

// TestS3AnswerIsLost does what was asked for, and does not say so.
func TestS3AnswerIsLost(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	for i, size := range []int{1000, 12 * mib} {
		var lost atomic.Bool
		p.set(func(_ http.ResponseWriter, r *http.Request) bool {
			ends := r.Method == "PUT" && size == 1000 || r.Method == "POST" && r.URL.Query().Has("uploadId")
			if !ends || !lost.CompareAndSwap(false, true) {
				return false
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			again, _ := http.NewRequest(r.Method, v.URL+r.URL.RequestURI(), bytes.NewReader(body)) //nolint:errcheck // its parts came from one
			again.Header, again.Host = r.Header, r.Host
			if resp, err := http.DefaultClient.Do(again); err == nil {
				io.Copy(io.Discard, resp.Body) //nolint:errcheck // lost
				resp.Body.Close()
				http.DefaultClient.CloseIdleConnections()
			}
			panic(http.ErrAbortHandler)
		})
		key, file := fmt.Sprintf("of/%d", i), random(t, size)
		if err := b.Put(t.Context(), key, file); err != nil || !lost.Load() {
			t.Errorf("%d: lost %t, %v", size, lost.Load(), err)
		}
		comesBack(t, b, key, file)
	}
}

// TestS3FlippedByte changes a byte on the way to the server, which has to refuse it.
func TestS3FlippedByte(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	p.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" {
			r.Body = struct {
				io.Reader
				io.Closer
			}{&flipped{r: r.Body}, r.Body}
		}
		return false
	})
	for _, size := range []int{1000, 12 * mib} {
		if err := b.Put(t.Context(), "key", random(t, size)); err == nil {
			t.Errorf("%d bytes: no error", size)
		}
	}
	p.set(nil)
	nothing(t, b)
}

// TestS3StopsInTheMiddle kills the server while a large file is on its way. It starts again, and has none of it.
func TestS3StopsInTheMiddle(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	file := random(t, 20*mib)
	var parts atomic.Int64
	p.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" && parts.Add(1) == 2 {
			v.Stop()
		}
		return false
	})
	if err := b.Put(t.Context(), "key", file); !errors.Is(err, bucket.ErrAway) {
		t.Fatalf("put: %v", err)
	}
	if _, err := bucket.Size(t.Context(), b, "key"); !errors.Is(err, bucket.ErrAway) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("size while it is stopped: %v", err)
	}
	p.set(nil)
	v.Start(t)
	nothing(t, b)
	if err := b.Put(t.Context(), "key", file); err != nil {
		t.Fatal(err)
	}
	comesBack(t, b, "key", file)
}

// TestS3CutDownload goes on where the server broke off, as long as something comes, and leaves no part of a file.
func TestS3CutDownload(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	file := random(t, 1_000_000)
	if err := b.Put(t.Context(), "key", file); err != nil {
		t.Fatal(err)
	}
	p.set(cut(400_000, v, 1000))
	comesBack(t, b, "key", file) // in three pieces

	var gets atomic.Int64
	once := cut(400_000, v, 1)
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "GET" && gets.Add(1) > 1 {
			w.WriteHeader(403)
			return true
		}
		return once(w, r)
	})
	dir := t.TempDir()
	if err := bucket.Get(t.Context(), b, "key", filepath.Join(dir, "got")); !errors.Is(err, bucket.ErrRefused) {
		t.Errorf("error %v", err)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}

	p.set(cut(400_000, v, 1))
	r, err := b.Open(t.Context(), "key", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, 300_000); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Remove(t.Context(), "key"), b.Put(t.Context(), "key", random(t, 1_000_001))); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err == nil {
		t.Error("went on with another file")
	}
}

// TestS3Cancel ends an upload and a download in the middle.
func TestS3Cancel(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	ctx, cancel := context.WithCancel(t.Context())
	var parts atomic.Int64
	p.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" && parts.Add(1) == 2 {
			cancel()
		}
		return false
	})
	file := random(t, 20*mib)
	if err := b.Put(ctx, "key", file); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	nothing(t, b)
	p.set(nil)
	if err := b.Put(t.Context(), "key", file); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	r, err := b.Open(ctx, "key", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.CopyN(io.Discard, r, 100); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}

// TestS3Refusals has settings that are wrong, and a server without room: errors that say what to do, and no secret.
func TestS3Refusals(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	good := keysOf(v)
	for name, c := range map[string]struct {
		bucket string
		keys   bucket.Keys
		want   string
	}{
		"no bucket":    {"elsewhere", good, "make it first"},
		"wrong secret": {"files", bucket.Keys{ID: v.Key, Secret: "canary secret"}, "correct AWS_ACCESS_KEY_ID"},
		"wrong key":    {"files", bucket.Keys{ID: "canary", Secret: v.Secret}, "correct AWS_ACCESS_KEY_ID"},
	} {
		_, err := bucket.OpenURL(t.Context(), "s3://"+c.bucket+"?endpoint="+p.URL, bucket.S3Options{Keys: c.keys})
		if !errors.Is(err, bucket.ErrRefused) || errors.Is(err, bucket.ErrAway) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), v.Secret)) {
			t.Errorf("%s: tells a secret: %v", name, err)
		}
	}
	if _, err := bucket.OpenURL(t.Context(), "s3://files?endpoint="+p.URL, bucket.S3Options{}); err == nil || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("no keys: %v", err)
	}
	b := openS3(t, v, p.URL, "")
	for status, body := range map[int]string{507: "", 400: "<Error><Code>QuotaExceeded</Code></Error>", 403: "<Error><Code>XMinioStorageFull</Code></Error>"} {
		p.set(func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(status)
			io.WriteString(w, body) //nolint:errcheck // a test
			return true
		})
		if err := b.Put(t.Context(), "key", random(t, 10)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%d: %v", status, err)
		}
	}
}

// TestS3WithoutConditions has a server that knows no If-None-Match.
func TestS3WithoutConditions(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("If-None-Match") == "" {
			return false
		}
		w.WriteHeader(501)
		io.WriteString(w, "<Error><Code>NotImplemented</Code></Error>") //nolint:errcheck // a test
		return true
	})
	for _, size := range []int{1000, 12 * mib} {
		key, file := fmt.Sprintf("of/%d", size), random(t, size)
		if err := b.Put(t.Context(), key, file); err != nil {
			t.Fatal(err)
		}
		comesBack(t, b, key, file)
	}
}

// TestS3PromisedButNotThere has a server that knows of another file at the key, which does not come.
func TestS3PromisedButNotThere(t *testing.T) {
	v := testenv.NewVersity(t, "files")
	p := newProxy(t, v)
	b := openS3(t, v, p.URL, "")
	var refused atomic.Int64
	p.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || refused.Add(1) > 2 {
			return false
		}
		w.WriteHeader(412)
		io.WriteString(w, "<Error><Code>PreconditionFailed</Code></Error>") //nolint:errcheck // a test
		return true
	})
	file := random(t, 1000)
	if err := b.Put(t.Context(), "key", file); err != nil {
		t.Fatal(err)
	}
	comesBack(t, b, "key", file)
}
