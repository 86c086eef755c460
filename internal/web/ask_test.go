package web

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// TestAnotherAddress begins anew with a repository that is there already, after an address at which nothing is.
func TestAnotherAddress(t *testing.T) {
	x := newWorld(t)
	b := x.signedIn(t, auth.Grant{User: "octocat"})
	r := x.repository(t, "octocat", "socm", source1(t)+"-not-there", false)
	x.work(t)
	const at = "/octocat/socm/import"
	if page := b.get(t, at).want(t, 200); !strings.Contains(page.body, "Give another address") {
		t.Fatalf("no way to another address: %s", page.body)
	}
	to := b.post(t, at+"/cancel", url.Values{"sure": {"1"}, "anew": {"1"}}).want(t, 303).Header.Get("Location")
	path, ok := strings.CutPrefix(to, x.URL)
	if !ok || !strings.HasPrefix(path, "/-/new?") {
		t.Fatalf("led to %s", to)
	}
	form := b.get(t, path).want(t, 200)
	for _, kept := range []string{`value="socm"`, "-not-there"} {
		if !strings.Contains(form.body, kept) {
			t.Errorf("the new form lacks %s", kept)
		}
	}
	b.post(t, "/-/new", url.Values{"url": {"https://"}, "owner": {"octocat"}, "name": {"socm"}}).want(t, 422)
	if _, err := x.web.DB.Repository(t.Context(), "octocat", "socm"); err != nil {
		t.Fatalf("a form with a mistake took the repository away: %v", err)
	}
	b.post(t, "/-/new", url.Values{"url": {source1(t)}, "owner": {"octocat"}, "name": {"socm"}}).want(t, 303)
	x.work(t)
	if now := x.at(t, r); now.State.Status != rehome.Complete {
		t.Errorf("the same repository is %s", now.State.Status)
	}
	b.post(t, "/-/new", url.Values{"url": {source1(t)}, "owner": {"octocat"}, "name": {"socm"}}).want(t, 422)
	if now := x.at(t, r); now.State.Status != rehome.Complete {
		t.Errorf("another import for it: %s", now.State.Status)
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
