package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

// TestTryNow ends the wait of an import whose source does not answer. The list has a word of it, its own page the sentence.
func TestTryNow(t *testing.T) {
	x := newWorld(t)
	x.web.Importer.Waits.Backoff = []time.Duration{time.Hour, time.Hour}
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", "http://127.0.0.1:1/old.git", false)
	x.work(t)
	const at = "/octocat/socm/import"
	for _, try := range []string{"attempt 2 of at most 3", "attempt 3 of at most 3"} {
		page := b.get(t, at).want(t, 200).body
		for _, want := range []string{`<bdi>Trying again</bdi>`, "the connection is refused. Trying again at ", try, ">Try now<"} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q: %s", want, page)
			}
		}
		if list := b.get(t, "/").want(t, 200).body; !strings.Contains(list, "<bdi>Trying again</bdi>") || strings.Contains(list, "refused") {
			t.Errorf("the list: %s", list)
		}
		b.post(t, at+"/start", url.Values{}).want(t, 303)
		if page := b.get(t, at).want(t, 200).body; strings.Contains(page, ">Try now<") {
			t.Errorf("what is due can be tried now: %s", page)
		}
		x.work(t)
	}
	if i := x.at(t, r); i.State.Err == nil {
		t.Errorf("after the last try: %+v", i.State)
	}
}
