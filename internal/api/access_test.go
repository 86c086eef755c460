package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rehome/internal/auth"
)

// role is somebody who asks.
type role struct{ name, token string }

// roles are all kinds of callers. The table below has to have a thought for each.
func (s *testServer) roles(t *testing.T) []role {
	t.Helper()
	all := []role{{"nobody", ""}, {"nonsense", "rht_nonsense"}}
	for _, one := range []struct {
		name  string
		grant auth.Grant
	}{
		{"stranger", auth.Grant{User: "stranger"}},
		{"owner", auth.Grant{User: "octocat"}},
		{"owner, repo", auth.Grant{User: "octocat", Scopes: []string{"repo"}}},
		{"owner, admin:repo_hook", auth.Grant{User: "octocat", Scopes: []string{"admin:repo_hook"}}},
		{"owner, admin:org_hook", auth.Grant{User: "octocat", Scopes: []string{"admin:org_hook"}}},
		{"acting", auth.Grant{User: "mona", Owners: []string{"labs"}}},
		{"acting, repo", auth.Grant{User: "mona", Owners: []string{"labs"}, Scopes: []string{"repo"}}},
		{"acting, admin:org_hook", auth.Grant{User: "mona", Owners: []string{"labs"}, Scopes: []string{"admin:org_hook"}}},
		{"administrator", auth.Grant{}},
		{"administrator, admin:repo_hook", auth.Grant{User: "admin", Admin: true, Scopes: []string{"admin:repo_hook"}}},
	} {
		all = append(all, role{one.name, s.token(t, one.grant)})
	}
	revoked, secret, err := s.auth.Issue(t.Context(), auth.Grant{User: "octocat"})
	if err == nil {
		err = s.db.RevokeToken(t.Context(), revoked.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(all, role{"revoked", string(secret)})
}

// table says what each word of access lets each role do: "yes", or the status of the refusal, for each place.
var table = map[string]map[string]string{
	"probe": {
		"nobody":                         "yes",
		"nonsense":                       "yes",
		"revoked":                        "yes",
		"stranger":                       "yes",
		"owner":                          "yes",
		"owner, repo":                    "yes",
		"owner, admin:repo_hook":         "yes",
		"owner, admin:org_hook":          "yes",
		"acting":                         "yes",
		"acting, repo":                   "yes",
		"acting, admin:org_hook":         "yes",
		"administrator":                  "yes",
		"administrator, admin:repo_hook": "yes",
	},
	"anyone": {
		"nobody":                         "yes",
		"nonsense":                       "401",
		"revoked":                        "401",
		"stranger":                       "yes",
		"owner":                          "yes",
		"owner, repo":                    "yes",
		"owner, admin:repo_hook":         "yes",
		"owner, admin:org_hook":          "yes",
		"acting":                         "yes",
		"acting, repo":                   "yes",
		"acting, admin:org_hook":         "yes",
		"administrator":                  "yes",
		"administrator, admin:repo_hook": "yes",
	},
	"signed-in": {
		"nobody":                         "401",
		"nonsense":                       "401",
		"revoked":                        "401",
		"stranger":                       "yes",
		"owner":                          "yes",
		"owner, repo":                    "yes",
		"owner, admin:repo_hook":         "yes",
		"owner, admin:org_hook":          "yes",
		"acting":                         "yes",
		"acting, repo":                   "yes",
		"acting, admin:org_hook":         "yes",
		"administrator":                  "yes",
		"administrator, admin:repo_hook": "yes",
	},
	"repo:create": { // by oneself, in labs
		"nobody":                         "401 401",
		"nonsense":                       "401 401",
		"revoked":                        "401 401",
		"stranger":                       "yes 404",
		"owner":                          "yes 404",
		"owner, repo":                    "yes 404",
		"owner, admin:repo_hook":         "403 403",
		"owner, admin:org_hook":          "403 403",
		"acting":                         "yes yes",
		"acting, repo":                   "yes yes",
		"acting, admin:org_hook":         "403 403",
		"administrator":                  "yes yes",
		"administrator, admin:repo_hook": "403 403",
	},
	"owner:read": { // octocat and labs, who own something public; mona, who owns nothing, and quiet, which owns something private
		"nobody":                         "yes yes 404 404",
		"nonsense":                       "401 401 401 401",
		"revoked":                        "401 401 401 401",
		"stranger":                       "yes yes 404 404",
		"owner":                          "yes yes 404 404",
		"owner, repo":                    "yes yes 404 404",
		"owner, admin:repo_hook":         "yes yes 404 404",
		"owner, admin:org_hook":          "yes yes 404 404",
		"acting":                         "yes yes yes 404",
		"acting, repo":                   "yes yes yes 404",
		"acting, admin:org_hook":         "yes yes yes 404",
		"administrator":                  "yes yes yes yes",
		"administrator, admin:repo_hook": "yes yes yes yes",
	},
	"repo:read": { // octocat's, private and public; labs', private and public
		"nobody":                         "404 yes 404 yes",
		"nonsense":                       "401 401 401 401",
		"revoked":                        "401 401 401 401",
		"stranger":                       "404 yes 404 yes",
		"owner":                          "yes yes 404 yes",
		"owner, repo":                    "yes yes 404 yes",
		"owner, admin:repo_hook":         "404 yes 404 yes",
		"owner, admin:org_hook":          "404 yes 404 yes",
		"acting":                         "404 yes yes yes",
		"acting, repo":                   "404 yes yes yes",
		"acting, admin:org_hook":         "404 yes 404 yes",
		"administrator":                  "yes yes yes yes",
		"administrator, admin:repo_hook": "404 yes 404 yes",
	},
	"repo:write": {
		"nobody":                         "401 401 401 401",
		"nonsense":                       "401 401 401 401",
		"revoked":                        "401 401 401 401",
		"stranger":                       "404 404 404 404",
		"owner":                          "yes yes 404 404",
		"owner, repo":                    "yes yes 404 404",
		"owner, admin:repo_hook":         "404 404 404 404",
		"owner, admin:org_hook":          "404 404 404 404",
		"acting":                         "404 404 yes yes",
		"acting, repo":                   "404 404 yes yes",
		"acting, admin:org_hook":         "404 404 404 404",
		"administrator":                  "yes yes yes yes",
		"administrator, admin:repo_hook": "404 404 404 404",
	},
	"repo:admin": {
		"nobody":                         "401 401 401 401",
		"nonsense":                       "401 401 401 401",
		"revoked":                        "401 401 401 401",
		"stranger":                       "404 403 404 403",
		"owner":                          "yes yes 404 403",
		"owner, repo":                    "yes yes 404 403",
		"owner, admin:repo_hook":         "404 403 404 403",
		"owner, admin:org_hook":          "404 403 404 403",
		"acting":                         "404 403 yes yes",
		"acting, repo":                   "404 403 yes yes",
		"acting, admin:org_hook":         "404 403 404 403",
		"administrator":                  "yes yes yes yes",
		"administrator, admin:repo_hook": "404 403 404 403",
	},
	"hooks:repository": {
		"nobody":                         "401 401 401 401",
		"nonsense":                       "401 401 401 401",
		"revoked":                        "401 401 401 401",
		"stranger":                       "404 404 404 404",
		"owner":                          "yes yes 404 404",
		"owner, repo":                    "yes yes 404 404",
		"owner, admin:repo_hook":         "yes yes 404 404",
		"owner, admin:org_hook":          "403 403 404 404",
		"acting":                         "404 404 yes yes",
		"acting, repo":                   "404 404 yes yes",
		"acting, admin:org_hook":         "404 404 403 403",
		"administrator":                  "yes yes yes yes",
		"administrator, admin:repo_hook": "yes yes yes yes",
	},
	"hooks:organization": { // labs
		"nobody":                         "401",
		"nonsense":                       "401",
		"revoked":                        "401",
		"stranger":                       "404",
		"owner":                          "404",
		"owner, repo":                    "404",
		"owner, admin:repo_hook":         "404",
		"owner, admin:org_hook":          "404",
		"acting":                         "yes",
		"acting, repo":                   "403",
		"acting, admin:org_hook":         "yes",
		"administrator":                  "yes",
		"administrator, admin:repo_hook": "403",
	},
}

// checkRefusal holds a refusal against the texts that clients compare to the letter, and those that say what is lacking.
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
	got := o["message"]
	if text, scoped := strings.CutPrefix(fmt.Sprint(got), "This needs a token with the scope "); scoped && r.StatusCode == 403 {
		got, want = text, strings.Join(strings.Split(r.Header.Get("X-Accepted-OAuth-Scopes"), ", "), " or ")+"."
	}
	if got != want || o["status"] != fmt.Sprint(r.StatusCode) || !strings.HasPrefix(o["documentation_url"].(string), "https://") {
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
	fill := strings.NewReplacer("{owner}", "octocat", "{repo}", "none", "{org}", "octocat", "{login}", "octocat")
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
