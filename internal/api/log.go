package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"rehome"
	"rehome/internal/wire"
)

// entry is what a request's log line says besides what was asked and answered.
type entry struct {
	user    string
	pattern string // of the route, one of a few
	err     error
}

// logged runs serve under a request id, catches its panics and writes one line
// about it. Neither queries nor headers are logged: tokens travel there.
func (a *API) logged(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *entry)) {
	id := RequestID(r.Context())
	h := w.Header()
	spell(h, "X-GitHub-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "deny")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'")
	watched := &watchedWriter{ResponseWriter: w}
	l, start := &entry{}, a.Clock()
	defer func() {
		cut := a.caught(watched, r, l, recover())
		took := a.Clock().Sub(start)
		a.Measure(r.Method, l.pattern, watched.status, took)
		a.log(r, id, watched, l, took)
		if cut {
			panic(http.ErrAbortHandler)
		}
	}()
	serve(watched, l)
}

// caught answers for a panic. It reports whether the connection has to be cut,
// since half an answer is out already.
func (a *API) caught(w *watchedWriter, r *http.Request, l *entry, value any) (cut bool) {
	switch value {
	case nil:
		return false
	case http.ErrAbortHandler:
		return true
	}
	l.err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	if w.status != 0 {
		return true
	}
	body := wire.Must(wire.Encode(errInternal.body(docs)))
	h := w.Header()
	for _, gone := range []string{"Content-Length", "ETag", "Link", "Location"} {
		delete(h, gone) // of the answer that was being made
	}
	a.headers(h, &call{r: r, route: route{access: probe}})
	spell(h, "X-GitHub-Media-Type", mediaType(r))
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	w.Write(body) //nolint:errcheck // see write
	return false
}

func (a *API) log(r *http.Request, id string, w *watchedWriter, l *entry, took time.Duration) {
	attrs := []slog.Attr{
		slog.String("request", id), slog.String("method", rehome.Clean(r.Method, 20)), slog.String("path", rehome.Clean(r.URL.Path, 300)),
		slog.Int("status", w.status), slog.Int64("bytes", w.bytes), slog.Duration("took", took), slog.String("client", a.bases.client(r)),
	}
	if l.user != "" {
		attrs = append(attrs, slog.String("user", l.user))
	}
	if l.pattern != "" {
		attrs = append(attrs, slog.String("route", l.pattern))
	}
	level := slog.LevelDebug
	if a.LogRequests {
		level = slog.LevelInfo
	}
	if l.err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", whole(l.err)))
	}
	a.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// whole is an error with what its domain errors keep back from outsiders.
func whole(err error) string {
	text := err.Error()
	var e *rehome.Error
	for errors.As(err, &e) && e.Err != nil {
		text, err = text+": "+e.Err.Error(), e.Err
	}
	return text
}

type requestKey struct{}

// RequestID is the id of the request that a context came with, as clients see it; "" for none.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

func requestID() string {
	var b [16]byte
	rand.Read(b[:])
	return strings.ToUpper(hex.EncodeToString(b[:2]) + ":" + hex.EncodeToString(b[2:8]) + ":" + hex.EncodeToString(b[8:]))
}

// watchedWriter notes what goes out. http.ResponseController finds the writer underneath.
type watchedWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watchedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Flush lets handlers that look for an http.Flusher find one.
func (w *watchedWriter) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	http.NewResponseController(w.ResponseWriter).Flush() //nolint:errcheck // a writer that cannot flush sends at the end
}
