package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

// TestVisitsAreCounted: who asks too often is told when to come again. What open pages fetch by themselves, what the API is asked with the same
// token, and what others ask is counted apart, so that none of it keeps somebody from working.
func TestVisitsAreCounted(t *testing.T) {
	x := newWorld(t)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	x.web.Limits = auth.NewLimiter(3, func() time.Time { return now })
	x.web.Clock = func() time.Time { return now }
	token, secret := x.token(t, auth.Grant{User: "octocat"})
	b, nobody := &browser{x: x}, &browser{x: x}
	b.signIn(t, secret)
	other := x.signedIn(t, auth.Grant{User: "mona"})
	polls := []string{"HX-Request", "true", "HX-Trigger", "list", "HX-Target", "list"}
	for range 3 {
		b.get(t, "/").want(t, 200)
		b.get(t, "/", polls...).want(t, 200)
		nobody.get(t, "/").want(t, 303)
	}
	a := b.get(t, "/").want(t, http.StatusTooManyRequests)
	if got := a.Header.Get("Retry-After"); got != "3600" {
		t.Errorf("Retry-After %q, want 3600", got)
	}
	for _, want := range []string{"Your token has asked for 3 pages", "Come again at 2026-01-01 13:00 UTC, in 60 min."} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the page lacks %q: %s", want, a.body)
		}
	}
	b.post(t, "/-/tokens", nil).want(t, 429)
	if a := b.get(t, "/?q=x", "HX-Request", "true", "HX-Target", "list").want(t, 429); a.Header.Get("HX-Retarget") != "#main" {
		t.Error("who searches is not told")
	}
	if a := b.get(t, "/", polls...).want(t, 429); a.Header.Get("HX-Retarget") != "" {
		t.Error("a page that was left open is replaced")
	}
	if a := nobody.get(t, "/-/nothing").want(t, 429); !strings.Contains(a.body, "Your address") {
		t.Errorf("nobody: %s", a.body)
	}
	if used := x.web.Limits.Take("token "+itoa(token.ID), 0).Used; used != 0 {
		t.Errorf("%d requests are counted against the API's budget", used)
	}
	other.get(t, "/").want(t, 200)
	nobody.get(t, assetURL("", "icon.svg")).want(t, 200)
	nobody.get(t, "/-/sign-in").want(t, 200)
	x.signedIn(t, auth.Grant{User: "neighbour"})
	now = now.Add(time.Hour)
	b.get(t, "/").want(t, 200)
}

// TestOneGuard: guesses at one door count at the others, for an address would have as many at each.
func TestOneGuard(t *testing.T) {
	x := newWorld(t)
	elsewhere := x.web.Doors
	for range 60 {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "/user", nil)
		r.Header.Set("Authorization", "token rht_guess")
		elsewhere.Guard.Identify(t.Context(), r, "127.0.0.1") //nolint:errcheck // it is a guess
	}
	b := &browser{x: x}
	b.post(t, "/-/sign-in", map[string][]string{"token": {"rht_guess"}}).want(t, http.StatusTooManyRequests)
	own := auth.Doors{}.Opened(x.web.Auth, time.Now, x.web.Log)
	if own.Guard == elsewhere.Guard || own.Guard == nil || own.Limits == nil {
		t.Error("doors that are opened by themselves lack something, or have what others have")
	}
}

// TestRoutesAreTold: the door learns who asked for which of the pages there are, whatever was asked for.
func TestRoutesAreTold(t *testing.T) {
	x := newWorld(t)
	b, nobody := x.signedIn(t, auth.Grant{User: "octocat"}), &browser{x: x}
	x.repository(t, "octocat", "socm", "", false)
	x.mu.Lock()
	x.told = nil
	x.mu.Unlock()
	b.get(t, "/octocat/socm/import").want(t, 200)
	b.do(t, "HEAD", "/OCTOCAT/socm/import?q=1", "").want(t, 200)
	b.get(t, "/octocat/other/import").want(t, 404)
	b.post(t, "/octocat/socm/import/start", map[string][]string{"form_key": {"x"}}).want(t, 403)
	nobody.get(t, "/a/b/import/c").want(t, 404)
	nobody.get(t, "/").want(t, 303)
	nobody.get(t, assetURL("", "icon.svg")).want(t, 200)
	want := []string{
		"octocat GET /{owner}/{repo}/import", "octocat GET /{owner}/{repo}/import", "octocat GET /{owner}/{repo}/import",
		"octocat POST /{owner}/{repo}/import/start", " /", " GET /{$}", " asset",
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.told, want) {
		t.Errorf("told\n%q, want\n%q", x.told, want)
	}
}
