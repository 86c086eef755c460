package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

// TestUnreachedNames: an error says which server it is, and who says so.
func TestUnreachedNames(t *testing.T) {
	t.Parallel()
	for configured, want := range map[bool]string{
		false: "The source's Git LFS server 127.0.0.1:1 cannot be reached: cannot connect to 127.0.0.1:1: the connection is refused.",
		true:  "The source's Git LFS server 127.0.0.1:1 (named by its .lfsconfig) cannot be reached: cannot connect to 127.0.0.1:1: the connection is refused.",
	} {
		w := newWorld(t, nil)
		w.o.Endpoint.Host, w.o.Configured = "127.0.0.1:1", configured
		_, err := w.fetch(w.Add("one"))
		wantCode(t, err, rehome.Unreachable)
		if got := rehome.AsError(err).Message; got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestForbiddenNames: what policy blocks is named, and the hint is for it.
func TestForbiddenNames(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"":                       "This server may not connect to the source's Git LFS server 127.0.0.2:9 (named by its .lfsconfig).",
		"http://127.0.0.3:9/one": "leads to 127.0.0.3:9, which is, or leads to, an address that this server may not connect to.",
	} {
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			return linked(out, r, func(string) map[string]any { return download1(link, nil) })
		})
		rule, err := egress.ParseRule("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		w.o.Client, w.o.Configured = newClient(t, egress.Policy{Allow: []egress.Rule{rule}}), true
		if link == "" {
			w.o.Endpoint.Host = "127.0.0.2:9"
		}
		r, err := w.fetch(w.Add("one"))
		if err != nil || len(r.Missing) != 1 {
			t.Fatalf("missing %v, %v", r.Missing, err)
		}
		e := rehome.AsError(r.Why)
		if e.Code != rehome.BlockedByPolicy || !strings.HasSuffix(e.Message, want) || !strings.Contains(e.Hint, "--allow-network") {
			t.Errorf("got %+v", e)
		}
	}
}

// many returns objects that w has.
func many(w *world, n int) (list []lfs.Object) {
	for i := range n {
		list = append(list, w.Add(fmt.Sprint("object ", i)))
	}
	return list
}

// TestDeadServerMayBeMissing: all that it should have is missing after the usual tries, with the reason.
func TestDeadServerMayBeMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.o.Endpoint.Host, w.o.AllowMissing = "127.0.0.1:1", true
	r, err := w.fetch(many(w, 3*batchSize)...)
	if err != nil || len(r.Missing) != 3*batchSize || rehome.CodeOf(r.Why) != rehome.Unreachable {
		t.Errorf("%d are missing, why %v, %v", len(r.Missing), r.Why, err)
	}
	if len(w.slept) != len(waits) {
		t.Errorf("slept %v", w.slept)
	}
}

// TestDeadLinksMayBeMissing: a host that links lead to, dead or busy for ever, is not waited for with each object.
func TestDeadLinksMayBeMissing(t *testing.T) {
	t.Parallel()
	const n = 200
	busy := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusBadGateway) }))
	defer busy.Close()
	for name, href := range map[string]string{"dead": "http://127.0.0.1:1/", "busy": busy.URL} {
		w := newWorld(t, func(out http.ResponseWriter, r *http.Request) bool {
			return linked(out, r, func(string) map[string]any { return download1(href, nil) })
		})
		w.o.AllowMissing, w.o.Workers = true, 2
		r, err := w.fetch(many(w, n)...)
		if err != nil || len(r.Missing) != n || rehome.CodeOf(r.Why) != rehome.Unreachable {
			t.Errorf("%s: %d are missing, why %v, %v", name, len(r.Missing), r.Why, err)
		}
		if most := (maxPatience + 2) * len(waits); len(w.slept) > most {
			t.Errorf("%s: slept %d times", name, len(w.slept))
		}
	}
}

// TestOneObjectMayBeMissing: what breaks off over one object costs no other.
func TestOneObjectMayBeMissing(t *testing.T) {
	t.Parallel()
	var bad atomic.Value
	bad.Store("")
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !isBatch(r) && strings.HasSuffix(r.URL.Path, bad.Load().(string)) {
			panic(http.ErrAbortHandler)
		}
		return false
	})
	all := many(w, 50)
	bad.Store(all[20].OID.String())
	w.o.AllowMissing = true
	w.o.Sleep = func(ctx context.Context, _ time.Duration) error { // the others come while this one waits, as they do in minutes
		for w.came() < len(all)-1 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		return ctx.Err()
	}
	r, err := w.fetch(all...)
	if err != nil || len(r.Missing) != 1 || r.Missing[0] != all[20] || r.Why == nil {
		t.Errorf("missing %v, why %v, %v", r.Missing, r.Why, err)
	}
}

// TestNeverMissing: that we stop, or have no room, is no lack of the source.
func TestNeverMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.o.Endpoint.Host, w.o.AllowMissing = "127.0.0.1:1", true
	ctx, stop := context.WithCancel(t.Context())
	w.o.Sleep = func(context.Context, time.Duration) error {
		stop()
		return ctx.Err()
	}
	if r, err := Download(ctx, w.o, many(w, 2)); !errors.Is(err, context.Canceled) || len(r.Missing) > 0 {
		t.Errorf("cancelled: missing %v, %v", r.Missing, err)
	}
	w = newWorld(t, nil)
	var err error
	if w.o.Store, err = lfs.NewStore(full{&memory{files: map[string][]byte{}}}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w.o.AllowMissing = true
	if r, err := Download(t.Context(), w.o, many(w, 2)); rehome.CodeOf(err) != rehome.DiskFull || len(r.Missing) > 0 {
		t.Errorf("disk full: missing %v, %v", r.Missing, err)
	}
}

// full is a bucket without room.
type full struct{ *memory }

func (full) Put(context.Context, string, string) error {
	return fmt.Errorf("put: %w", syscall.ENOSPC)
}
