package api

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// TestWhoMayUseGit asks for refs as each kind of caller would, to fetch and to push.
func TestWhoMayUseGit(t *testing.T) {
	s := start(t, nil)
	owner := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, owner, "private", "")
	s.create(t, owner, "public", `{"name": "public", "private": false}`)
	stranger := s.token(t, auth.Grant{User: "stranger"})
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, c := range []struct {
		who, authorization string
		want               [3][2]int // private, public, missing: fetch, push
	}{
		{"nobody", "", [3][2]int{{401, 401}, {200, 401}, {401, 401}}},
		{"nonsense", basic("x", "nonsense"), [3][2]int{{401, 401}, {401, 401}, {401, 401}}},
		{"stranger", basic("x", stranger), [3][2]int{{404, 404}, {200, 403}, {404, 404}}},
		{"owner", basic("anything", owner), [3][2]int{{200, 200}, {200, 200}, {404, 404}}},
		{"owner by user name", basic(owner, "x-oauth-basic"), [3][2]int{{200, 200}, {200, 200}, {404, 404}}},
		{"owner by header", "Bearer " + owner, [3][2]int{{200, 200}, {200, 200}, {404, 404}}},
		{"administrator", basic("admin", s.token(t, auth.Grant{})), [3][2]int{{200, 200}, {200, 200}, {404, 404}}},
	} {
		for i, name := range []string{"private", "Public", "missing"} {
			for j, service := range []string{"git-upload-pack", "git-receive-pack"} {
				for _, ending := range []string{".git", ""} {
					r := s.do(t, request{method: "GET", path: "/OctoCat/" + name + ending + "/info/refs?service=" + service, headers: []string{"Authorization", c.authorization}})
					if r.StatusCode != c.want[i][j] {
						t.Errorf("%s asks for %s of %s: %d, want %d", c.who, service, name, r.StatusCode, c.want[i][j])
					}
					if got := r.Header.Get("WWW-Authenticate"); (got == `Basic realm="Rehome"`) != (r.StatusCode == 401) {
						t.Errorf("%s: status %d with WWW-Authenticate %q", c.who, r.StatusCode, got)
					}
				}
			}
		}
	}
	r := s.do(t, request{method: "POST", path: "/octocat/public.git/git-receive-pack", body: "0000", headers: []string{"Authorization", basic("x", stranger)}})
	if r.StatusCode != 403 {
		t.Errorf("a stranger's push: status %d, want 403", r.StatusCode)
	}
}

func TestGitPathsThatAreNone(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{})
	for _, path := range []string{
		"/repos/x.git/info/refs", "/info/refs", "/x.git/info/refs", "/a/b/c.git/info/refs", "/octocat/..%2F..%2Fetc.git/info/refs",
		"/octocat/.git/info/refs", "/%2e%2e/x.git/info/refs", "/octocat/x.git/HEAD", "/octocat/x.git/objects/info/packs",
	} {
		checkRefusal(t, s.want(t, 404, request{method: "GET", path: path, token: token}))
	}
}

func TestCloneAndPush(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	dir := t.TempDir()
	work, clone := filepath.Join(dir, "work"), filepath.Join(dir, "clone")
	testenv.Git(t, dir, "init", "-q", "-b", "main", work)
	// incompressible and over git's post buffer, so that the body comes in chunks
	big := make([]byte, 3<<20)
	state := uint32(1)
	for i := range big {
		state = state*1664525 + 1013904223
		big[i] = byte(state >> 24)
	}
	if err := os.WriteFile(filepath.Join(work, "big"), big, 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, work, "add", "big")
	testenv.Git(t, work, "commit", "-q", "-m", "one")
	testenv.Git(t, work, "push", "-q", s.withToken(token)+"/octocat/socm.git", "main")
	testenv.Git(t, dir, "clone", "-q", s.withToken(token)+"/OctoCat/SOCM", clone)
	if got, want := testenv.Git(t, clone, "rev-parse", "main"), testenv.Git(t, work, "rev-parse", "main"); got != want {
		t.Errorf("cloned %s, want %s", got, want)
	}
	if strings.Contains(s.log.String(), token) {
		t.Error("the log holds the token")
	}
}
