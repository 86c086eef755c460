package web

import (
	"net/http"
	"strings"
	"testing"

	"rehome/internal/auth"
)

// TestFreshByItself has a page fetch anew what is in it, as htmx does: it takes whatever comes, and says by another header who asks.
func TestFreshByItself(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	x.repository(t, "octocat", "socm", source1(t), true)
	page := b.get(t, "/").want(t, http.StatusOK).body
	if !strings.Contains(page, `hx-get="`+x.URL+`/?"`) {
		t.Fatalf("the list does not look again by itself: %s", page)
	}
	again := b.get(t, "/?", "Accept", "*/*", "HX-Request", "true", "HX-Target", "list").want(t, http.StatusOK).body
	if !strings.Contains(again, `id="list"`) || !strings.Contains(again, "octocat/socm") {
		t.Errorf("what it gets is not the list: %s", again)
	}
	b.get(t, "/", "Accept", "*/*").want(t, http.StatusTeapot) // the API's
}
