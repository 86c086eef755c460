package web

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestAnotherAddress begins anew with a repository that is there already, after an address at which nothing is. What was chosen stays, and nothing
// ends before the new import begins.
func TestAnotherAddress(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t)+"-not-there", true)
	only := []string{"trunk"}
	_, err := x.web.Importer.Update(t.Context(), r.ID, importer.UpdateRequest{Choices: importer.Choices{Refs: &only}})
	must(t, err)
	x.work(t)
	const at = "/octocat/socm/import"
	page := b.get(t, at).want(t, 200)
	if !strings.Contains(page.body, `href="`+x.URL+`/-/new?owner=octocat&amp;name=socm">Give another address`) {
		t.Fatalf("no way to another address: %s", page.body)
	}
	form := b.get(t, "/-/new?owner=octocat&name=socm").want(t, 200).form(t, "/-/new", "url")
	if form.Get("name") != "socm" || form.Get("hold") != "1" || form.Get("refs") != "trunk" || !strings.HasSuffix(form.Get("url"), "-not-there") {
		t.Errorf("the new form has %v", form)
	}
	form.Set("url", "https://")
	b.post(t, "/-/new", form).want(t, 422)
	if now := x.at(t, r); now.State.Status != rehome.DetectionFoundNothing && now.State.Status != rehome.Failed {
		t.Fatalf("a form with a mistake ended the import: %s", now.State.Status)
	}
	form.Set("url", source1(t))
	b.post(t, "/-/new", form).want(t, 303)
	x.work(t)
	now := x.at(t, r)
	if now.State.Status != rehome.WaitingToPush || now.Options.Refs != "trunk" {
		t.Errorf("the same repository is %s, with %+v", now.State.Status, now.Options)
	}
	for _, instead := range []string{"", form.Get("instead"), itoa(now.ID)} { // the last import waits for approval: it does not end for a form
		form.Set("instead", instead)
		b.post(t, "/-/new", form).want(t, 422)
		if then := x.at(t, r); then.ID != now.ID || then.State.Status != rehome.WaitingToPush {
			t.Errorf("another import for it, instead of %q: %s", instead, then.State.Status)
		}
	}
}

// TestIntoWhatIsThere: an import goes into a repository that is there only where the form says how it is.
func TestIntoWhatIsThere(t *testing.T) {
	x := newWorld(t)
	b, boss := x.signedIn(t, auth.Grant{User: "octocat"}), x.signedIn(t, auth.Grant{User: "boss", Admin: true})
	r := x.repository(t, "octocat", "socm", "", false)
	const to = "https://127.0.0.1:9/new.git"
	_, err := x.web.Importer.SetDestination(t.Context(), r.ID, importer.DestinationRequest{URL: to})
	must(t, err)
	from := source1(t)
	for what, form := range map[string]url.Values{
		"everybody may read it": {"public": {"1"}, "destination": {to}},
		to:                      {},
	} {
		form.Set("url", from)
		form.Set("owner", "octocat")
		form.Set("name", "socm")
		if a := b.post(t, "/-/new", form).want(t, 422); !strings.Contains(a.body, what) {
			t.Errorf("it is not said that %q: %s", what, a.body)
		}
	}
	if _, err := x.web.Importer.Get(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("an import has begun: %v", err)
	}
	form := boss.get(t, "/-/new?owner=octocat&name=socm").want(t, 200).form(t, "/-/new", "url")
	if form.Get("owner") != "octocat" || form.Get("destination") != to || form.Get("public") != "" || form.Get("hold") != "1" {
		t.Errorf("the form for what is there has %v", form)
	}
	if form := x.signedIn(t, auth.Grant{User: "mona"}).get(t, "/-/new?owner=octocat&name=socm").want(t, 200).form(t, "/-/new", "url"); form.Get("owner") != "mona" || form.Get("destination") != "" {
		t.Errorf("others see of it %v", form)
	}
	form.Set("url", from)
	form.Set("sync_interval", "1")
	if again := boss.post(t, "/-/new", form).want(t, 422).form(t, "/-/new", "url"); again.Get("owner") != "octocat" {
		t.Errorf("after a mistake it is for %s", again.Get("owner"))
	}
	form.Set("sync_interval", "0")
	boss.post(t, "/-/new", form).want(t, 303)
	if now := x.at(t, r); now.Destination.URL != to || !now.Options.Hold {
		t.Errorf("%+v", now)
	}
}

// TestSourceThatWentAway keeps what was mapped and chosen: it offers no way that would lose it.
func TestSourceThatWentAway(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.Rich(t, filepath.Join(root, "rich.git"), "sha1")
	origin := testenv.NewServer(t, root, testenv.Options{})
	x.repository(t, "octocat", "socm", origin.URL+"/rich.git", false)
	x.work(t)
	origin.Test.Close()
	b.post(t, "/octocat/socm/import/start", nil).want(t, 303)
	x.work(t)
	if page := b.get(t, "/octocat/socm/import").want(t, 200); strings.Contains(page.body, "Give another address") || !strings.Contains(page.body, "Start it again") {
		t.Errorf("after the source went away: %s", page.body)
	}
}

// TestMissingLFS goes on without objects that the source lacks.
func TestMissingLFS(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	pointer := lfs.AppendPointer(nil, lfs.Object{OID: lfs.OID{1}, Size: 7})
	testenv.FromStream(t, filepath.Join(root, "gaps.git"), "sha1", "commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 2\nx\n"+testenv.Inline("film.bin", string(pointer))+"\n")
	r := x.repository(t, "octocat", "socm", testenv.ServeGit(t, root, testenv.Options{Wrap: batchWithout})+"/gaps.git", false)
	x.work(t)
	page := b.get(t, "/octocat/socm/import").want(t, 200)
	if !strings.Contains(page.body, "Go on without them") {
		t.Fatalf("%v: %s", x.at(t, r).State.Err, page.body)
	}
	b.post(t, "/octocat/socm/import/start", url.Values{"allow_missing_lfs": {"1"}}).want(t, 303)
	x.work(t)
	if now := x.at(t, r); now.State.Status != rehome.Complete {
		t.Errorf("without them: %s, %v", now.State.Status, now.State.Err)
	}
}

// batchWithout is a Git LFS server that has no objects.
func batchWithout(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/info/lfs/objects/batch") {
			next.ServeHTTP(out, r)
			return
		}
		out.Header().Set("Content-Type", "application/vnd.git-lfs+json")
		out.Write([]byte(`{"objects": [{"oid": "` + (lfs.OID{1}).String() + `", "size": 7, "error": {"code": 404, "message": "gone"}}]}`))
	})
}

// TestMovedThere leaves or overwrites what somebody else made at the destination.
func TestMovedThere(t *testing.T) {
	for choice, want := range map[string]string{"skip": "theirs", "overwrite": "merge two"} {
		x := newWorld(t)
		b := x.signedIn(t, auth.Grant{User: "octocat"})
		root := t.TempDir()
		home := filepath.Join(root, "new.git")
		testenv.FromStream(t, home, "sha1", "commit refs/heads/trunk\ncommitter T <t@t> 1700000000 +0000\ndata 7\ntheirs\n"+testenv.Inline("theirs", "x")+"\n")
		to := testenv.ServeGit(t, root, testenv.Options{Push: true}) + "/new.git"
		b.post(t, "/-/new", url.Values{"url": {source1(t)}, "owner": {"octocat"}, "name": {"socm"}, "destination": {to}}).want(t, 303)
		x.work(t)
		page := b.get(t, "/octocat/socm/import").want(t, 200)
		if !strings.Contains(page.body, `name="on_divergence" value="overwrite"`) {
			t.Fatalf("no way past what somebody made there: %s", page.body)
		}
		b.post(t, "/octocat/socm/import/start", url.Values{"destination": {to}, "on_divergence": {choice}}).want(t, 303)
		x.work(t)
		if got := testenv.Git(t, home, "log", "-1", "--format=%s", "refs/heads/trunk"); got != want {
			t.Errorf("%s: the branch there is at %q, want %q", choice, got, want)
		}
	}
}

// TestDestinationWithoutLFS leads to the choice of large files where Git LFS objects were refused, and nowhere else.
func TestDestinationWithoutLFS(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	root := t.TempDir()
	testenv.FromStream(t, filepath.Join(root, "old.git"), "sha1", "commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 2\nx\n"+testenv.Inline("film.bin", strings.Repeat("large ", 500))+"\n")
	testenv.Git(t, "", "init", "-q", "--bare", filepath.Join(root, "new.git"))
	refused := true
	server := testenv.ServeGit(t, root, testenv.Options{Push: true, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/info/lfs/"):
				http.Error(out, `{"message": "Git LFS is not enabled"}`, http.StatusNotImplemented)
			case refused && strings.Contains(r.URL.Path, "new.git"):
				http.Error(out, "no", http.StatusForbidden)
			default:
				next.ServeHTTP(out, r)
			}
		})
	}})
	const at = "/octocat/socm/import"
	const otherwise = `on the page <a href="` + at + `/large-files">Large files</a>`
	b.post(t, "/-/new", url.Values{"url": {server + "/old.git"}, "owner": {"octocat"}, "name": {"socm"}, "destination": {server + "/new.git"}}).want(t, 303)
	b.post(t, at+"/large-files", url.Values{"choice": {"opt_in"}}).want(t, 303)
	x.work(t)
	if page := b.get(t, at).want(t, 200).body; !strings.Contains(page, "URL to push to") || strings.Contains(strings.ReplaceAll(page, x.URL, ""), otherwise) {
		t.Fatalf("refused for something else: %s", page)
	}
	refused = false
	b.post(t, at+"/start", nil).want(t, 303)
	x.work(t)
	if page := b.get(t, at).want(t, 200).body; !strings.Contains(page, "URL to push to") || !strings.Contains(strings.ReplaceAll(page, x.URL, ""), otherwise) {
		t.Fatalf("refused for Git LFS: %s", page)
	}
	form := b.get(t, at+"/large-files").want(t, 200).form(t, at+"/large-files", "choice")
	form.Set("choice", "undecided")
	b.post(t, at+"/large-files", form).want(t, 303)
	x.work(t)
	if page := b.get(t, at).want(t, 200).body; !strings.Contains(page, "It is there") {
		t.Errorf("after choosing otherwise: %s", page)
	}
}
