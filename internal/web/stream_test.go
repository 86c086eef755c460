package web

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
)

// TestStreamsThatAreCutOff do not say that nothing more comes: the browser asks again, at this server once it is back, or at another.
func TestStreamsThatAreCutOff(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	ended := func(ctx context.Context, events chan rehome.Event, ticks chan time.Time) string {
		out := httptest.NewRecorder()
		v := &visit{r: httptest.NewRequestWithContext(ctx, "GET", "/octocat/socm/import/live", nil), w: out, repo: r, secret: rehome.Secret(b.cookie)}
		x.web.follow(v, stream{steady(out)}, events, ticks)
		return out.Body.String()
	}
	closed := make(chan rehome.Event)
	close(closed)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if got := ended(stopped, closed, nil); got != "" {
		t.Errorf("a server that stops says %q", got)
	}
	if got := ended(t.Context(), closed, nil); !strings.Contains(got, "event: changed") || !strings.Contains(got, "event: end") {
		t.Errorf("of an import that was deleted it says %q", got)
	}
	queued := make(chan rehome.Event, 1)
	queued <- rehome.Event{Kind: rehome.EventQueued}
	ticks := make(chan time.Time, 1)
	ticks <- time.Time{}
	x.web.DB.Close()
	for name, got := range map[string]string{"at an event": ended(t.Context(), queued, nil), "at a tick": ended(t.Context(), nil, ticks)} {
		if got != "" {
			t.Errorf("without the database it says %s: %q", name, got)
		}
	}
}

// TestStreamsOfDeletedImports tell the page to look, which says then that there is none.
func TestStreamsOfDeletedImports(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t), false)
	s := b.stream(t, "/octocat/socm/import/live")
	until(t, s, "event: changed")
	must(t, x.web.Importer.Cancel(t.Context(), r.ID, 1))
	if got := until(t, s, "event: end"); !strings.Contains(got, "event: changed") {
		t.Errorf("before the end it says %q", got)
	}
}

// TestHeartbeatRenewsTheFacts of a page that stays open, and has it look again once another try is waited for.
func TestHeartbeatRenewsTheFacts(t *testing.T) {
	x := newWorld(t)
	x.web.Importer.Waits.Backoff = []time.Duration{time.Hour}
	ticks := make(chan time.Time)
	x.web.beat = func() (<-chan time.Time, func()) { return ticks, func() {} }
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", "http://127.0.0.1:1/old.git", false)
	const at = "/octocat/socm/import"
	if page := b.get(t, at).want(t, 200).body; !strings.Contains(page, `<dl class="facts" sse-swap="facts" aria-live="off">`) {
		t.Errorf("nothing takes the facts: %s", page)
	}
	s := b.stream(t, at+"/live")
	until(t, s, "event: changed")
	x.late.Store(int64(5*time.Hour + 10*time.Minute))
	ticks <- time.Time{}
	until(t, s, "event: facts")
	if got := until(t, s, ": still here"); !strings.Contains(got, "<dt>Started</dt><dd>5 h ago</dd>") || !strings.Contains(got, "http://127.0.0.1:1/old.git") {
		t.Errorf("the facts are %q", got)
	}
	x.work(t)
	ticks <- time.Time{}
	if got := until(t, s, ": still here"); !strings.Contains(got, "event: changed") {
		t.Errorf("of a try that is waited for it says %q", got)
	}
	ticks <- time.Time{}
	if got := until(t, s, ": still here"); strings.Contains(got, "event: changed") || !strings.Contains(got, "event: facts") {
		t.Errorf("while nothing changes it says %q", got)
	}
	_, err := x.web.Importer.Update(t.Context(), r.ID, importer.UpdateRequest{Now: true})
	must(t, err)
	ticks <- time.Time{}
	if got := until(t, s, ": still here"); !strings.Contains(got, "event: changed") {
		t.Errorf("once it is due it says %q", got)
	}
}
