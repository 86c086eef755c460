package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

func TestHeadersOnEveryAnswer(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat", Scopes: []string{"repo", "admin:org_hook"}})
	s.create(t, token, "one", "")
	for _, q := range []request{
		{method: "GET", path: "/user", token: token},
		{method: "POST", path: "/api/v3/user/repos", token: token, body: `{"name": "two"}`},
		{method: "GET", path: "/repos/octocat/missing", token: token},
		{method: "POST", path: "/user/repos", token: token, body: "{"},
		{method: "GET", path: "/nowhere", token: token},
	} {
		r := s.do(t, q)
		name := q.method + " " + q.path
		for header, want := range map[string]string{
			"Content-Type":                  "application/json; charset=utf-8",
			"X-GitHub-Media-Type":           "github.v3; format=json",
			"X-GitHub-Api-Version-Selected": "2022-11-28",
			"X-RateLimit-Limit":             "5000",
			"X-RateLimit-Reset":             "1767229200",
			"X-RateLimit-Resource":          "core",
			"X-OAuth-Scopes":                "admin:org_hook, repo",
			"Cache-Control":                 "private, max-age=60, s-maxage=60",
			"Vary":                          "Accept, Authorization, Cookie, X-GitHub-OTP",
			"Access-Control-Allow-Origin":   "*",
			"X-Content-Type-Options":        "nosniff",
			"Content-Security-Policy":       "default-src 'none'",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if _, named := r.Header["X-Accepted-Oauth-Scopes"]; !named {
			t.Errorf("%s: no X-Accepted-OAuth-Scopes", name)
		}
		for _, header := range []string{"ETag", "X-GitHub-Request-Id", "X-RateLimit-Remaining", "X-RateLimit-Used", "Access-Control-Expose-Headers"} {
			if r.Header.Get(header) == "" {
				t.Errorf("%s: %s is missing", name, header)
			}
		}
		for _, header := range []string{"Deprecation", "Sunset", "Last-Modified", "Set-Cookie"} {
			if r.Header.Get(header) != "" {
				t.Errorf("%s: there is a %s", name, header)
			}
		}
	}
}

func TestNoContentHasNoETag(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "one", "")
	r := s.want(t, 204, request{method: "DELETE", path: "/repos/octocat/one", token: token, body: "{}"})
	if r.Header.Get("ETag") != "" || r.Header.Get("Content-Type") != "" || len(r.body) > 0 {
		t.Errorf("headers %v, body %q", r.Header, r.body)
	}
	if r.Header.Get("X-RateLimit-Limit") == "" || r.Header.Get("X-OAuth-Scopes") == "" {
		t.Errorf("headers %v lack the ordinary ones", r.Header)
	}
}

func TestMediaTypes(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	const v3 = "github.v3; format=json"
	for accept, want := range map[string]string{
		"": v3, "*/*": v3, "application/json": v3, "application/vnd.github+json": v3, "application/vnd.github.v3+json": v3, "text/html": v3,
		"application/vnd.github.barred-rock-preview":      "github.barred-rock-preview",
		"application/vnd.github.barred-rock-preview+json": "github.barred-rock-preview",

		"Application/Vnd.GitHub.Barred-Rock-Preview":                             "github.barred-rock-preview",
		"application/json;q=0.5, application/vnd.github.barred-rock-preview;q=1": "github.barred-rock-preview",
		"application/vnd.github.barred-rock-previews":                            v3,
		"application/vnd.github.mercy-preview+json":                              v3,
		"application/vnd.github.raw":                                             v3,
		";;,,":                                                                   v3,
	} {
		r := s.want(t, 200, request{method: "GET", path: "/user", token: token, headers: []string{"Accept", accept}})
		if got := r.Header.Get("X-GitHub-Media-Type"); got != want {
			t.Errorf("Accept %q: media type %q, want %q", accept, got, want)
		}
	}
}

func TestVersions(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	for asked, want := range map[string]string{"": "2022-11-28", "2022-11-28": "2022-11-28", "2026-03-10": "2026-03-10"} {
		r := s.want(t, 200, request{method: "GET", path: "/user", token: token, headers: []string{"X-GitHub-Api-Version", asked}})
		if got := r.Header.Get("X-GitHub-Api-Version-Selected"); got != want {
			t.Errorf("version %q: selected %q, want %q", asked, got, want)
		}
	}
	r := s.want(t, 400, request{method: "GET", path: "/user", token: token, headers: []string{"X-GitHub-Api-Version", "1999-01-01"}})
	if o := r.object(t); o["message"] == "" || o["documentation_url"] == "" || o["status"] != "400" {
		t.Errorf("unknown version: %s", r.body)
	}
}

func TestConditionalGet(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	tag := s.want(t, 200, request{method: "GET", path: "/user", token: token}).Header.Get("ETag")
	for _, sent := range []string{tag, "W/" + tag, `"other", W/` + tag, "*"} {
		r := s.want(t, 304, request{method: "GET", path: "/user", token: token, headers: []string{"If-None-Match", sent}})
		if len(r.body) > 0 || r.Header.Get("ETag") != tag || r.Header.Get("X-RateLimit-Limit") == "" {
			t.Errorf("%s: body %q, headers %v", sent, r.body, r.Header)
		}
	}
	s.want(t, 200, request{method: "GET", path: "/user", token: token, headers: []string{"If-None-Match", `"other"`}})
	missing := s.want(t, 404, request{method: "GET", path: "/nowhere", token: token})
	s.want(t, 404, request{method: "GET", path: "/nowhere", token: token, headers: []string{"If-None-Match", missing.Header.Get("ETag")}})
}

func TestHead(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	get := s.want(t, 200, request{method: "GET", path: "/user", token: token})
	head := s.want(t, 200, request{method: "HEAD", path: "/user", token: token})
	if len(head.body) > 0 || head.ContentLength != int64(len(get.body)) || head.Header.Get("ETag") != get.Header.Get("ETag") {
		t.Errorf("%d bytes, %d announced, ETag %s", len(head.body), head.ContentLength, head.Header.Get("ETag"))
	}
}

func TestPreflight(t *testing.T) {
	s := start(t, nil)
	r := s.want(t, 204, request{method: "OPTIONS", path: "/repos/o/r/import", headers: []string{"Origin", "https://app.example", "Access-Control-Request-Method", "PUT"}})
	if r.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Authorization") || r.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("headers %v", r.Header)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := start(t, func(o *Options) { o.Clock = func() time.Time { return now }; o.Limits = auth.NewLimiter(2, o.Clock) })
	token, other := s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "octocat"})
	user := request{method: "GET", path: "/user", token: token}
	s.want(t, 200, user)
	if r := s.want(t, 200, user); r.Header.Get("X-RateLimit-Remaining") != "0" || r.Header.Get("X-RateLimit-Used") != "2" {
		t.Errorf("headers %v", r.Header)
	}
	r := s.want(t, 403, user)
	if o := r.object(t); !strings.HasPrefix(o["message"].(string), "API rate limit exceeded") || r.Header.Get("X-RateLimit-Remaining") != "0" {
		t.Errorf("body %s, headers %v", r.body, r.Header)
	}
	if got := r.Header.Get("Retry-After"); got != "3600" || r.Header.Get("X-RateLimit-Used") != "2" {
		t.Errorf("Retry-After %q, want the seconds to the reset; headers %v", got, r.Header)
	}
	s.want(t, 403, request{method: "GET", path: "/nowhere", token: token})
	s.want(t, 200, request{method: "GET", path: "/user", token: other})
	left := s.want(t, 200, request{method: "GET", path: "/rate_limit", token: token}).object(t)["rate"].(map[string]any)
	if left["remaining"] != 0.0 || left["limit"] != 2.0 || left["reset"] != float64(now.Add(time.Hour).Unix()) {
		t.Errorf("rate %v", left)
	}
	now = now.Add(time.Hour)
	s.want(t, 200, user)
}

func TestProbes(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits = auth.NewLimiter(1, time.Now) })
	for range 3 {
		for _, path := range []string{"/healthz", "/readyz", "/api/v3/readyz"} {
			s.want(t, 200, request{method: "GET", path: path, token: "nonsense", headers: []string{"X-GitHub-Api-Version", "1999"}})
		}
	}
	s.db.Close()
	s.want(t, 200, request{method: "GET", path: "/healthz"})
	if r := s.want(t, http.StatusServiceUnavailable, request{method: "GET", path: "/readyz"}); r.Header.Get("Retry-After") == "" || strings.Contains(string(r.body), "sql") {
		t.Errorf("headers %v, body %s", r.Header, r.body)
	}
	r := s.want(t, 500, request{method: "GET", path: "/user", token: "x"})
	if strings.Contains(string(r.body), "sql") || !strings.Contains(s.log.String(), "sql: database is closed") {
		t.Errorf("body %s, log %s", r.body, s.log)
	}
	if id := r.Header.Get("X-GitHub-Request-Id"); !strings.Contains(s.log.String(), id) {
		t.Errorf("the log has no request %s", id)
	}
}
