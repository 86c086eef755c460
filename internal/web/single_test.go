package web

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// TestOneOfEach looks at the pages of what has one commit of one person on one ref, with one large file: checkPage reads the words.
func TestOneOfEach(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "one.git"), "sha1", "commit refs/heads/main\ncommitter Ada <ada@old.example> 1700000000 +0000\ndata 2\nx\n"+testenv.Inline("film.bin", strings.Repeat("large ", 500))+"\n")
	r := x.repository(t, "octocat", "one", testenv.ServeGit(t, root, testenv.Options{})+"/one.git", true)
	x.work(t)
	const at = "/octocat/one/import"
	b.get(t, at).want(t, 200)
	preview := b.post(t, at+"/authors", url.Values{"map": {"Ada King <ada@new.example> <ada@old.example>\nX <x@y> <nobody@y>"}}).want(t, 200)
	for _, want := range []string{"1 identity becomes another, 0 stay as they are. 1 changes by this. 1 line is for nobody seen so far."} {
		if !strings.Contains(preview.body, want) {
			t.Errorf("the preview lacks %q: %s", want, preview.body)
		}
	}
	b.post(t, at+"/authors", url.Values{"map": {"Ada King <ada@new.example> <ada@old.example>"}, "take": {"1"}}).want(t, 303)
	form := asShown(x.at(t, r), partOptions)
	form.Set("sync_interval", ownTime)
	form.Set("sync_minutes", "1")
	b.post(t, at+"/options", form).want(t, 303)
	x.work(t)
	b.get(t, at).want(t, 200)
	b.post(t, at+"/approve", nil).want(t, 303)
	x.work(t)
	if page := b.get(t, at).want(t, 200); !strings.Contains(page.body, "1 commit and 1 ref were pushed") || !strings.Contains(page.body, "is brought every minute") {
		t.Errorf("complete: %s", page.body)
	}
	for _, page := range []string{"/authors", "/authors?mapped=1", "/large-files", "/receipt"} {
		b.get(t, at+page).want(t, 200)
	}
	n := int64(1)
	if got := progressOf(rehome.Event{ProgressEvent: &rehome.ProgressEvent{Commits: n, Authors: n}}).Text; got != "1 commit · 1 author" {
		t.Errorf("progress says %q", got)
	}
}
