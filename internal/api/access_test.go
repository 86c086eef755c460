package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rehome/internal/auth"
)

// TestWhoMay asks every route of a repository's, once as each kind of caller.
func TestWhoMay(t *testing.T) {
	s := start(t, nil)
	owner := s.token(t, auth.Grant{User: "octocat"})
	private := s.create(t, owner, "private", "")
	public := s.create(t, owner, "public", `{"name": "public", "private": false}`)
	callers := []struct{ name, token string }{
		{"nobody", ""},
		{"stranger", s.token(t, auth.Grant{User: "stranger"})},
		{"without scope", s.token(t, auth.Grant{User: "octocat", Scopes: []string{"admin:org_hook"}})},
		{"nonsense", "rht_nonsense"},
	}
	// private and public repository, one status for each caller
	reading := [2][4]int{{404, 404, 404, 401}, {200, 200, 200, 401}}
	changing := [2][4]int{{401, 404, 404, 401}, {401, 404, 404, 401}}
	deleting := [2][4]int{{401, 404, 404, 401}, {401, 403, 403, 401}}

	for _, rt := range s.api.routes() {
		rest, ok := strings.CutPrefix(rt.pattern, byName)
		if !ok {
			continue
		}
		want := changing
		switch rt.access {
		case reads:
			want = reading
		case administers:
			want = deleting
		case writes:
		default:
			t.Errorf("%s %s: nobody thought about who may", rt.method, rt.pattern)
		}
		for i, repo := range []struct {
			id   int64
			name string
		}{{private.ID, private.Name}, {public.ID, public.Name}} {
			for j, caller := range callers {
				for _, base := range []string{"/repos/OctoCat/" + strings.ToUpper(repo.name), fmt.Sprint("/repositories/", repo.id), "/api/v3/repos/octocat/" + repo.name} {
					r := s.do(t, request{method: rt.method, path: base + rest, token: caller.token, body: `{"vcs_url": "https://old.example/p"}`})
					if r.StatusCode != want[i][j] {
						t.Errorf("%s %s as %s: %d, want %d", rt.method, base+rest, caller.name, r.StatusCode, want[i][j])
					}
					checkRefusal(t, r)
				}
			}
		}
	}
}

// checkRefusal holds a refusal against the texts that clients compare to the letter.
func checkRefusal(t *testing.T, r response) {
	t.Helper()
	want := map[int]string{401: "Requires authentication", 403: "Must have admin rights to Repository.", 404: "Not Found"}[r.StatusCode]
	if want == "" {
		return
	}
	if r.Request.Header.Get("Authorization") != "" && r.StatusCode == 401 {
		want = "Bad credentials"
	}
	o := r.object(t)
	if o["message"] != want || o["status"] != fmt.Sprint(r.StatusCode) || !strings.HasPrefix(o["documentation_url"].(string), "https://") {
		t.Errorf("%s %s: %s, want %q", r.Request.Method, r.Request.URL, r.body, want)
	}
}

func TestNoRouteIsForgotten(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{})
	known := map[string]bool{}
	for _, rt := range s.api.routes() {
		if rt.access == denied || rt.handle == nil || rt.doc == "" {
			t.Errorf("%s %s: half a route", rt.method, rt.pattern)
		}
		known[rt.method+" "+rt.pattern] = true
	}
	fill := strings.NewReplacer("{owner}", "octocat", "{repo}", "none", "{org}", "octocat")
	for _, rt := range s.api.routes() {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
			if known[method+" "+rt.pattern] {
				continue
			}
			r := s.want(t, 404, request{method: method, path: fill.Replace(rt.pattern), token: token})
			checkRefusal(t, r)
		}
	}
	for _, path := range []string{
		"/", "/api/v3", "/api/v3/", "/repos", "/repos/octocat", "/repos//x", "/repos/octocat/x/import/", "//repos/octocat/x", "/repos/octocat/x/import/nothing",
		"/repos/octocat%2Fx/import", "/repos/%00/x", "/repositories/1x", "/repositories/-1", "/repositories/01", "/repositories/99999999999999999999", "/user/", "/%2e%2e/user",
	} {
		checkRefusal(t, s.want(t, 404, request{method: "GET", path: path, token: token}))
	}
}

func TestWaysToSignIn(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for header, want := range map[string]int{
		"token " + token: 200, "Bearer " + token: 200, basic("x", token): 200, basic(token, "x-oauth-basic"): 200,
		"token nonsense": 401, basic("octocat", "password"): 401, "Negotiate " + token: 401, "": 401,
	} {
		r := s.do(t, request{method: "GET", path: "/user", headers: []string{"Authorization", header}})
		if r.StatusCode != want {
			t.Errorf("%.10s…: status %d, want %d", header, r.StatusCode, want)
		}
		checkRefusal(t, r)
	}
	if r := s.do(t, request{method: "GET", path: "/repos/o/r", token: "nonsense"}); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("bad credentials where none are needed: status %d, want 401", r.StatusCode)
	}
}

func TestLogHoldsNoSecret(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "one", "")
	s.do(t, request{method: "GET", path: "/user?access_token=canary-query", token: token})
	s.do(t, request{method: "GET", path: "/user", headers: []string{"Authorization", "Bearer canary-header"}})
	s.do(t, request{method: "PUT", path: "/repos/octocat/one/import", token: token, body: `{"vcs_url": "https://u:canary-url@127.0.0.1/", "vcs_password": "canary-body"}`})
	log := s.log.String()
	if strings.Contains(log, "canary") || strings.Contains(log, token) {
		t.Errorf("the log holds a secret:\n%s", log)
	}
	if strings.Count(log, "\n") != 4 || !strings.Contains(log, "user=octocat") || !strings.Contains(log, "path=/repos/octocat/one/import") {
		t.Errorf("want a line for each request:\n%s", log)
	}
}

func TestPanicIsAnAnswer(t *testing.T) {
	s := start(t, func(o *Options) { o.Auth = nil })
	r := s.want(t, 500, request{method: "GET", path: "/user", token: "x"})
	if o := r.object(t); o["status"] != "500" || strings.Contains(string(r.body), "nil pointer") {
		t.Errorf("body %s", r.body)
	}
	if log := s.log.String(); !strings.Contains(log, "nil pointer") || !strings.Contains(log, r.Header.Get("X-GitHub-Request-Id")) {
		t.Errorf("log %s", log)
	}
}
