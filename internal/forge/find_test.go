package forge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
)

// Forges that everybody knows are not asked: the client of this test reaches nothing.
func TestKnownForgesAreFoundByName(t *testing.T) {
	client, err := egress.New(egress.Policy{Block: []egress.Rule{rule(t, "0.0.0.0/0"), rule(t, "::/0")}})
	if err != nil {
		t.Fatal(err)
	}
	f := New(Options{Client: client})
	for _, c := range []struct {
		url, api, owner, name string
		kind                  Kind
	}{
		{"https://github.com/octo/cat.git", "https://api.github.com", "octo", "cat", GitHub},
		{"git@github.com:octo/cat.git", "https://api.github.com", "octo", "cat", GitHub},
		{"ssh://git@ssh.github.com:443/octo/cat", "https://api.github.com", "octo", "cat", GitHub},
		{"https://octo.ghe.com/a/b", "https://api.octo.ghe.com", "a", "b", GitHub},
		{"https://GitLab.com/group/sub/team/cat.git/", "https://gitlab.com/api/v4", "group/sub/team", "cat", GitLab},
		{"https://codeberg.org/octo/cat", "https://codeberg.org/api/v1", "octo", "cat", Gitea},
		{"https://gitea.com/octo/cat", "https://gitea.com/api/v1", "octo", "cat", Gitea},
		{"https://github.com/octo", "https://api.github.com", "", "", GitHub},
		{"https://github.com/octo/cat/x", "https://api.github.com", "", "", GitHub},
	} {
		s := find(t, f, locate(t, c.url, "", ""))
		if s.Kind != c.kind || s.API.String() != c.api || s.Owner != c.owner || s.Name != c.name {
			t.Errorf("%s: got %+v", c.url, s)
		}
	}
	for _, url := range []string{"git://github.com/octo/cat", "https://github.com", "https://github.com/../cat"} {
		if s, err := f.Find(t.Context(), locate(t, url, "", "")); s.Kind != Unknown || err != nil {
			t.Errorf("%s: got %+v, %v", url, s, err)
		}
	}
}

func rule(t *testing.T, text string) egress.Rule {
	t.Helper()
	r, err := egress.ParseRule(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFindAsks(t *testing.T) {
	f := forges(t)
	for _, c := range []struct {
		name string
		with recorded
		path string
		want string // kind, API, owner, name
	}{
		{"Gitea", recorded{"GET /api/v1/version": giteaVersion}, "/o/r.git", "gitea /api/v1 o r"},
		{"Forgejo", recorded{"GET /api/v1/version": {status: 200, body: `{"version":"12.0.0+gitea-1.22.0"}`}}, "/o/r", "gitea /api/v1 o r"},
		{"Gitea for members only", recorded{"GET /api/v1/version": {status: 403, body: `{"message":"Only signed in user is allowed to call APIs."}`}}, "/o/r", "gitea /api/v1 o r"},
		{"Gitea below a prefix", recorded{"GET /git/api/v1/version": giteaVersion}, "/git/o/r.git", "gitea /git/api/v1 o r"},
		{"Gitea, too short", recorded{"GET /api/v1/version": giteaVersion}, "/r.git", "gitea /api/v1  "},
		{"GitLab", recorded{"GET /api/v4/version": gitlabVersion}, "/g/s/r.git", "gitlab /api/v4 g/s r"},
		{"GitLab that tells", recorded{"GET /api/v4/version": {status: 200, body: `{"version":"17.1.0","revision":"4e963fe"}`}}, "/g/r", "gitlab /api/v4 g r"},
		{"GitLab below a prefix", recorded{"GET /gitlab/api/v4/version": gitlabVersion}, "/gitlab/g/s/r", "gitlab /gitlab/api/v4 g/s r"},
		{"GitHub Enterprise", recorded{"GET /api/v3/meta": githubMeta}, "/o/r", "github /api/v3 o r"},
		{"GitHub Enterprise, private", recorded{"GET /api/v3/meta": {status: 401, body: `{"message":"Must authenticate to access this API."}`, header: githubMeta.header}}, "/o/r", "github /api/v3 o r"},
		{"nothing", nil, "/o/r", ""},
		{"pages for everything", recorded{"GET /api/v1/version": {status: 200, body: `{"version":"1"}`, header: map[string]string{"Content-Type": "text/html"}}}, "/o/r", ""},
		{"Rehome", recorded{"GET /api/v3/meta": {status: 404, body: `{"message":"Not Found"}`, header: map[string]string{"X-GitHub-Request-Id": "1", "X-GitHub-Media-Type": "github.v3; format=json"}}}, "/o/r", "rehome /api/v3 o r"},
		{"other JSON", recorded{"GET /api/v1/version": {status: 200, body: `{"ok":true}`}, "GET /api/v4/version": {status: 401, body: `{"error":"no"}`}, "GET /api/v3/meta": {status: 200, body: `{}`}}, "/o/r", ""},
		{"too much JSON", recorded{"GET /api/v1/version": {status: 200, body: `{"version":"` + strings.Repeat("1", maxGreeting) + `"}`}}, "/o/r", ""},
	} {
		srv := serve(t, c.with)
		s, err := f.Find(t.Context(), locate(t, srv.URL, "user:canary", c.path))
		got := ""
		if s.Kind != Unknown {
			got = strings.Join([]string{string(s.Kind), strings.TrimPrefix(s.API.String(), srv.URL), s.Owner, s.Name}, " ")
		}
		if got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.name, got, err, c.want)
		}
		for _, a := range srv.got {
			if a.sign != "" {
				t.Errorf("%s: %s brought credentials", c.name, a.call)
			}
		}
	}
}

func TestFindFailsWhenNothingIsThere(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	url := srv.URL
	srv.Close()
	if _, err := forges(t).Find(t.Context(), locate(t, url, "", "/o/r")); rehome.CodeOf(err) != rehome.DestinationCutOff {
		t.Errorf("nobody listens: %v", err)
	}
	guarded, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Client: guarded}).Find(t.Context(), locate(t, url, "", "/o/r")); rehome.CodeOf(err) != rehome.BlockedByPolicy {
		t.Errorf("a forbidden address: %v", err)
	}
	if s, err := forges(t).Find(t.Context(), locate(t, "ssh://git@127.0.0.1:1/o/r", "", "")); s.Kind != Unknown || err != nil {
		t.Errorf("ssh without https beside it: %+v, %v", s, err)
	}
}

// An API at another origin is found, and told no secret.
func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	api := serve(t, recorded{"GET /api/v1/version": giteaVersion})
	front := httptest.NewServer(http.RedirectHandler(api.URL+"/api/v1/version", http.StatusMovedPermanently))
	t.Cleanup(front.Close)
	f := forges(t)
	s := find(t, f, locate(t, front.URL, "u:canary", "/o/r"))
	err := f.Create(t.Context(), s, NewRepository{})
	if rehome.CodeOf(err) != rehome.DestinationRefused || len(api.got) != 1 {
		t.Errorf("Create: %v, %v", err, api.got)
	}

	for _, status := range []int{301, 302, 307, 308} {
		var got []string
		thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("Authorization"))
		}))
		away := map[string]string{"Location": thief.URL + "/x"}
		for _, with := range []recorded{
			{"GET /api/v1/version": giteaVersion, "GET /api/v1/user": {status: status, header: away}},
			{"GET /api/v1/version": giteaVersion, "GET /api/v1/user": {status: 200, body: `{"login":"o"}`}, "POST /api/v1/user/repos": {status: status, header: away}},
		} {
			s := find(t, f, locate(t, serve(t, with).URL, "u:canary", "/o/r"))
			if err := f.Create(t.Context(), s, NewRepository{}); rehome.CodeOf(err) != rehome.DestinationRefused {
				t.Errorf("%d: %v", status, err)
			}
		}
		thief.Close()
		if strings.Join(got, "") != "" {
			t.Errorf("%d: told %q", status, got)
		}
	}
}

// A host that accepts connections and says nothing is no forge.
func TestFindDoesNotWaitForever(t *testing.T) {
	done := make(chan struct{})
	mute := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	}))
	t.Cleanup(mute.Close)
	t.Cleanup(func() { close(done) })
	f := forges(t)
	f.wait = 20 * time.Millisecond
	if s, err := f.Find(t.Context(), locate(t, mute.URL, "", "/o/r")); s.Kind != Unknown || err != nil {
		t.Errorf("got %+v, %v", s, err)
	}
	if answerTime*time.Duration(len(questions)) > findTime {
		t.Errorf("%d questions of %v each take more than %v", len(questions), answerTime, findTime)
	}
}
