package web

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/auth"
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
