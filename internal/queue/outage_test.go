package queue

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"rehome/internal/testenv"
)

// safe is a buffer for many writers.
type safe struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// An outage of the database is told of by whoever runs the server, once: River's words and each sweep's are for those who debug.
func TestOutageIsQuiet(t *testing.T) {
	server := testenv.OwnPostgres(t)
	where := server.NewDatabase(t)
	var info, debug safe
	both := fan{slog.NewTextHandler(&info, nil), slog.NewTextHandler(&debug, &slog.HandlerOptions{Level: slog.LevelDebug})}
	swept := make(chan error)
	var q *Queue
	opened := make(chan struct{})
	sweep := func(ctx context.Context) error {
		<-opened
		err := q.Wake(ctx, 7)
		select {
		case swept <- err:
		case <-ctx.Done():
		}
		return err
	}
	q, err := Open(t.Context(), where, 2, func(context.Context, int64) error { return nil }, sweep, slog.New(both))
	if err != nil {
		t.Fatal(err)
	}
	close(opened)
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	server.Kill(t)
	for n := 0; n < 2; {
		if <-swept != nil {
			n++
		}
	}
	for !strings.Contains(debug.String(), "river=") { // it tries again by itself until then
		if err := <-swept; err == nil {
			t.Fatal("the database is back")
		}
	}
	server.Start(t)
	go func() {
		for range swept { // until the queue is closed
		}
	}()
	if err := q.Close(context.Background()); err != nil {
		t.Error(err)
	}
	close(swept)
	if got := info.String(); got != "" {
		t.Errorf("it says\n%s", got)
	}
	if got := debug.String(); !strings.Contains(got, "sweep for due imports") || !strings.Contains(got, "level=DEBUG") {
		t.Errorf("who debugs reads\n%s", got)
	}
}

// fan writes records to several handlers.
type fan []slog.Handler

// Enabled fills slog.Handler.
func (f fan) Enabled(context.Context, slog.Level) bool { return true }

// Handle fills slog.Handler.
func (f fan) Handle(ctx context.Context, r slog.Record) error {
	for _, h := range f {
		if !h.Enabled(ctx, r.Level) {
			continue
		}
		if err := h.Handle(ctx, r); err != nil {
			return fmt.Errorf("write a record: %w", err)
		}
	}
	return nil
}

// WithAttrs fills slog.Handler.
func (f fan) WithAttrs([]slog.Attr) slog.Handler { return f }

// WithGroup fills slog.Handler.
func (f fan) WithGroup(string) slog.Handler { return f }
