package webhook

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/seal"
	"rehome/internal/store"
)

// raw answers every connection with what write sends, whatever is asked.
func raw(t *testing.T, write func(net.Conn)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		write(conn)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// endless writes s until the other side has enough.
func endless(w io.Writer, s string) {
	for {
		if _, err := io.WriteString(w, s); err != nil {
			return
		}
	}
}

// until reads until the other side closes.
func until(conn net.Conn) { io.Copy(io.Discard, conn) }

// TestAnswers: what receivers do, what is said of it, and whether it is tried again.
func TestAnswers(t *testing.T) {
	var strayed atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	t.Cleanup(canary.Close)
	status := func(code int) string {
		return receive(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Location", canary.URL)
			w.WriteHeader(code)
		}).URL
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	untrusted := httptest.NewTLSServer(nil)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // it says what clients do not trust
	t.Cleanup(untrusted.Close)
	w := newWorld(t)
	w.limits.attempt = 500 * time.Millisecond
	w.Client = rebinding(t)
	for _, c := range []struct {
		name, url string
		code      int
		text      string
		again     bool
	}{
		{"taken", status(200), 200, "OK", false},
		{"taken without a word", status(204), 204, "OK", false},
		{"moved", status(301), 301, "Invalid HTTP Response: 301", true},
		{"found", status(302), 302, "Invalid HTTP Response: 302", true},
		{"moved, the same method", status(307), 307, "Invalid HTTP Response: 307", true},
		{"not found", status(404), 404, "Invalid HTTP Response: 404", true},
		{"gone", status(410), 410, "Invalid HTTP Response: 410", false},
		{"broken", status(500), 500, "Invalid HTTP Response: 500", true},
		{"status of its own", status(999), 999, "Invalid HTTP Response: 999", true},
		{"dead", dead.URL, 0, "failed to connect to host: the connection is refused", true},
		{"hangs", receive(t, hang).URL, 0, "timed out", true},
		{"untrusted", untrusted.URL, 0, "failed to connect to host: its certificate is not trusted", true},
		{"no TLS", strings.Replace(status(200), "http:", "https:", 1), 0, "failed to connect to host: it does not speak TLS", true},
		{"hangs up", raw(t, func(net.Conn) {}), 0, "failed to connect to host: the connection broke", true},
		{"no HTTP", raw(t, func(c net.Conn) { io.WriteString(c, "canary\r\n\r\n") }), 0, "failed to connect to host: it does not speak HTTP", true},
		{"unknown name", "http://nobody.test/", 0, "failed to connect to host: the name cannot be resolved", true},
		{"forbidden", "http://inside.test/", 0, "This server may not connect to that address.", true},
		{"endless body", receive(t, func(w http.ResponseWriter, _ *http.Request, _ int) { endless(w, "x\xff€") }).URL, 200, "OK", false},
		{"body that hangs", receive(t, func(w http.ResponseWriter, r *http.Request, _ int) {
			w.WriteHeader(503)
			http.NewResponseController(w).Flush()
			hang(w, r, 0)
		}).URL, 503, "Invalid HTTP Response: 503", true},
		{"endless headers", raw(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			endless(c, "X-A: b\r\n")
		}), 0, "failed to connect to host: the connection broke", true},
		{"endless interim answers", raw(t, func(c net.Conn) { endless(c, "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n") }), 0, "failed to connect to host: the connection broke", true},
		{"headers that drip", raw(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			until(c)
		}), 0, "timed out", true},
		{"another protocol", raw(t, func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			until(c)
		}), 101, "Invalid HTTP Response: 101", true},
		{"large headers", receive(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
			for i := range 20 {
				w.Header().Set(fmt.Sprintf("X-%02d", i), strings.Repeat("\xff\u202e ", 800))
			}
		}).URL, 200, "OK", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := w.once(t, c.url)
			if d.Answer != (rehome.Answer{Code: c.code, Text: c.text}) {
				t.Errorf("%+v, want %d %s", d.Answer, c.code, c.text)
			}
			if d.NextAttemptAt.IsZero() == c.again || d.Attempts != 1 || d.DeliveredAt.IsZero() || d.URL != c.url || d.RequestHeaders["X-GitHub-Event"] != "ping" {
				t.Errorf("row: %+v", d.Delivery)
			}
			if c.again && (d.NextAttemptAt.Sub(d.CreatedAt) < 54*time.Second || d.NextAttemptAt.Sub(d.CreatedAt) > 2*time.Minute) {
				t.Errorf("the next attempt is at %v, it was made at %v", d.NextAttemptAt, d.CreatedAt)
			}
			if size := len(fmt.Sprint(d.ResponseHeaders)); len(d.ResponseBody) > maxBody || size > maxHeader+100 {
				t.Errorf("%d bytes of body, %d of headers are kept", len(d.ResponseBody), size)
			}
			if c.name == "endless body" && (len(d.ResponseBody) < maxBody-3 || !strings.HasPrefix(string(d.ResponseBody), "x\ufffd€x")) {
				t.Errorf("%d bytes of body, first %q", len(d.ResponseBody), d.ResponseBody[:9])
			}
			if c.name == "large headers" && len(d.ResponseHeaders) < 3 {
				t.Errorf("headers: %q", d.ResponseHeaders)
			}
		})
	}
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// rebinding is a client for which the name inside.test leads to an address it may not connect to.
func rebinding(t *testing.T) *egress.Client {
	t.Helper()
	blocked, err := egress.ParseRule("127.9.9.9")
	must(t, err)
	c, err := egress.New(egress.Policy{
		AllowPrivate: true, Block: []egress.Rule{blocked},
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "inside.test" {
				return []netip.Addr{netip.MustParseAddr("127.9.9.9")}, nil
			}
			return nil, &net.DNSError{Name: host, IsNotFound: true}
		},
	})
	must(t, err)
	t.Cleanup(c.Close)
	return c
}

// once makes a hook at a repository of its own, delivers its ping once, and returns that.
func (w *world) once(t *testing.T, url string) store.Delivery {
	t.Helper()
	r := w.repository(w.user, "r"+strings.ReplaceAll(newGUID(), "-", ""))
	hook := w.hook(Config{URL: url}, rehome.HookTarget{RepositoryID: r.ID})
	w.deliver(t.Context(), w.newest(hook.ID).ID)
	d := w.newest(hook.ID)
	if row := w.row(hook); row.Last != d.Answer || (row.Failing == 0) != d.Answer.OK() {
		t.Errorf("the hook's last answer is %+v, it failed %d times", row.Last, row.Failing)
	}
	return d
}

// TestPanic: a panic costs its attempt, and is answered for as any failure.
func TestPanic(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	signed, plain := w.hook(Config{URL: r.URL + "/a", Secret: "hunter2"}), w.hook(Config{URL: r.URL + "/b"})
	w.Seal = nil // so that there is one
	w.run()
	r.await(t, 1)
	await(t, "both finished", func() bool { return w.newest(signed.ID).Answer.Text != "" && w.newest(plain.ID).Answer.OK() })
	if d := w.newest(signed.ID); d.Answer.Text != broken || d.NextAttemptAt.IsZero() {
		t.Errorf("panic: %+v", d.Delivery)
	}
}

func TestAnotherKey(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	hook := w.hook(Config{URL: r.URL, Secret: "hunter2"})
	var err error
	w.Seal, err = seal.Open(filepath.Join(t.TempDir(), "key"))
	must(t, err)
	w.deliver(t.Context(), w.newest(hook.ID).ID)
	if d := w.newest(hook.ID); d.Answer.Text != unreadable || d.NextAttemptAt.IsZero() || len(r.requests()) != 0 {
		t.Errorf("unsigned: %+v", d.Delivery)
	}
}

// TestInactive: a hook that is switched off is not told what was due, but pinged.
func TestInactive(t *testing.T) {
	w := newWorld(t)
	r := receive(t, nil)
	hook := w.hook(Config{URL: r.URL})
	w.end(w.own, rehome.Success, w.user.ID)
	due := w.newest(hook.ID)
	off := false
	_, err := w.Edit(t.Context(), w.at, hook.ID, Edit{Active: &off})
	must(t, err)
	w.end(w.own, rehome.Success, w.user.ID)
	if d := w.newest(hook.ID); d.ID != due.ID {
		t.Errorf("it is told while it is off: %+v", d)
	}
	w.run()
	await(t, "the ping", func() bool { return len(r.requests()) == 1 })
	await(t, "the end", func() bool { return w.newest(hook.ID).Attempts == 1 && w.newest(hook.ID).NextAttemptAt.IsZero() })
	if d := w.newest(hook.ID); d.Answer.Text != inactive || len(r.requests()) != 1 {
		t.Errorf("%+v after %d requests", d.Delivery, len(r.requests()))
	}
}
