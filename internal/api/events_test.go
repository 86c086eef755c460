package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
)

var at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func always() bool { return true }

func TestRelay(t *testing.T) {
	percent := 41
	status := rehome.Event{Kind: rehome.EventStatus, At: at, Status: rehome.Mapping, Old: rehome.Importing}
	progress := rehome.Event{Kind: rehome.EventProgress, At: at, Step: rehome.StepRaw, Status: rehome.Importing, ProgressEvent: &rehome.ProgressEvent{Percent: &percent, Commits: 35012}}
	done := rehome.Event{Kind: rehome.EventDone, At: at, Receipt: &rehome.ReceiptHead{Format: 1, Import: "octocat/socm"}}
	failed := rehome.Event{Kind: rehome.EventError, At: at, Step: rehome.StepRaw, ErrorEvent: &rehome.ErrorEvent{Code: rehome.Unreachable, Message: "two\nlines"}}
	for _, c := range []struct {
		name   string
		events []rehome.Event
		want   []string // the start of each line that is not empty
	}{
		{"until done", []rehome.Event{progress, status, done, status}, []string{
			`event: progress`, `data: {"event":"progress","at":"2026-01-01T00:00:00Z","step":"raw","status":"importing","percent":41,"commits":35012,`,
			`event: status`, `data: {"event":"status","at":"2026-01-01T00:00:00Z","status":"mapping","old":"importing"}`,
			`event: done`, `data: {"event":"done","at":"2026-01-01T00:00:00Z","receipt":{"receipt":1,"import":"octocat/socm",`,
		}},
		{"until error", []rehome.Event{failed, status}, []string{`event: error`, `data: {"event":"error","at":"2026-01-01T00:00:00Z","step":"raw","code":"unreachable","message":"two\nlines"}`}},
		{"until nothing is left", []rehome.Event{status}, []string{`event: status`, `data: {`}},
	} {
		happening := make(chan rehome.Event, len(c.events))
		for _, e := range c.events {
			happening <- e
		}
		close(happening)
		w := httptest.NewRecorder()
		sender{patient.steady(w), always}.relay(happening, nil)
		var lines []string
		for line := range strings.Lines(w.Body.String()) {
			if line = strings.TrimSuffix(line, "\n"); line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) != len(c.want) {
			t.Errorf("%s: got %q, want %q", c.name, lines, c.want)
			continue
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, c.want[i]) {
				t.Errorf("%s: line %d is %s, want %s", c.name, i, line, c.want[i])
			}
		}
		if !w.Flushed || !strings.HasSuffix(w.Body.String(), "\n\n") {
			t.Errorf("%s: the last event is not sent off", c.name)
		}
	}
}

func TestRelayBeats(t *testing.T) {
	happening, ticks := make(chan rehome.Event), make(chan time.Time)
	w := httptest.NewRecorder()
	go func() {
		ticks <- at
		ticks <- at
		close(happening)
	}()
	sender{patient.steady(w), always}.relay(happening, ticks)
	if got := w.Body.String(); got != ": still here\n\n: still here\n\n" {
		t.Errorf("got %q", got)
	}
}

// goneWriter is a connection whose other end hung up.
type goneWriter struct{ http.ResponseWriter }

func (goneWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestRelayEndsWhenTheWatcherIsGone(t *testing.T) {
	happening := make(chan rehome.Event, 1)
	happening <- rehome.Event{Kind: rehome.EventStatus}
	w := goneWriter{httptest.NewRecorder()}
	sender{patient.steady(w), always}.relay(happening, nil)
	if len(happening) != 0 {
		t.Error("the event was never taken")
	}
}

// TestStreamsEndWithTheRight takes away from a watcher what let it watch. The next heartbeat notices.
func TestStreamsEndWithTheRight(t *testing.T) {
	for name, take := range map[string]func(*testServer, rehome.Token, rehome.Repository) error{
		"token": func(s *testServer, token rehome.Token, _ rehome.Repository) error {
			return s.db.RevokeToken(t.Context(), token.ID)
		},
		"repository": func(s *testServer, _ rehome.Token, repo rehome.Repository) error {
			if _, err := s.db.DeleteRepository(t.Context(), repo.ID, nil); err != nil { // as by another process
				return err
			}
			_, err := s.db.CreateRepository(t.Context(), repo)
			return err
		},
	} {
		s := start(t, nil)
		ticks := make(chan time.Time)
		s.api.beat = func() (<-chan time.Time, func()) { return ticks, func() {} }
		token, secret, err := s.auth.Issue(t.Context(), auth.Grant{User: "octocat"})
		if err != nil {
			t.Fatal(err)
		}
		repo := s.create(t, string(secret), "socm", "")
		const path = "/repos/octocat/socm/import"
		s.want(t, 201, request{method: "PUT", path: path, token: string(secret), body: `{"vcs_url": "http://127.0.0.1:1/x"}`})
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+path+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "token "+string(secret))
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		ticks <- at // the watcher may: it goes on
		if err := take(s, token, repo); err != nil {
			t.Fatal(err)
		}
		ticks <- at
		if text, err := io.ReadAll(resp.Body); err != nil || strings.Count(string(text), ": still here\n") != 1 {
			t.Errorf("%s: the stream said %q, %v; want its end with the second heartbeat", name, text, err)
		}
	}
}
