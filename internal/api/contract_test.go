package api

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// everyHeader are those of every answer of the API, whatever it says.
var everyHeader = map[string]string{
	"X-GitHub-Media-Type":           "github.v3; format=json",
	"X-GitHub-Api-Version-Selected": "2022-11-28",
	"X-RateLimit-Limit":             "5000",
	"X-RateLimit-Reset":             "1767229200",
	"X-RateLimit-Resource":          "core",
	"X-OAuth-Scopes":                "admin:org_hook, admin:repo_hook, repo",
	"X-Accepted-OAuth-Scopes":       "",
	"Vary":                          "Accept, Authorization, Cookie, X-GitHub-OTP",
	"Access-Control-Allow-Origin":   "*",
	"Access-Control-Expose-Headers": exposed,
	"X-Content-Type-Options":        "nosniff",
	"X-Frame-Options":               "deny",
	"Referrer-Policy":               "no-referrer",
	"Content-Security-Policy":       "default-src 'none'",
}

// TestHeadersOfEachCall holds what the import calls answer, errors, streams and answers without a body
// among them, against the headers that clients read.
func TestHeadersOfEachCall(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	author := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)[0]["id"]
	known := s.want(t, 200, request{method: "GET", path: at, token: token}).Header.Get("ETag")
	mapped := s.want(t, 200, request{method: "GET", path: at + "/commit_map", token: token}).Header.Get("ETag")
	for _, c := range []struct {
		method, path, body, known string
		status                    int
		tag                       bool // there is an ETag
	}{
		{"GET", at, "", "", 200, true},
		{"HEAD", at, "", "", 200, true},
		{"GET", at, "", known, 304, true},
		{"HEAD", at, "", "W/" + known, 304, true},
		{"GET", at + "/authors", "", "", 200, true},
		{"GET", at + "/large_files", "", "", 200, true},
		{"GET", at + "/receipt", "", "", 200, true},
		{"GET", at + "/commit_map", "", "", 200, true},
		{"HEAD", at + "/commit_map", "", "", 200, true},
		{"GET", at + "/commit_map", "", mapped, 304, true},
		{"GET", at + "/events", "", "", 200, false},
		{"HEAD", at + "/events", "", "", 200, false},
		{"PUT", at, `{"vcs_url": "` + from + `"}`, "", 201, true},
		{"PUT", at, "{}", "", 422, true},
		{"PUT", at, "{", "", 400, true},
		{"PATCH", fmt.Sprintf("%s/authors/%v", at, author), `{"name": "Ada"}`, "", 200, true},
		{"PATCH", at + "/authors/999999", `{"name": "Ada"}`, "", 404, true},
		{"PATCH", at + "/lfs", `{"use_lfs": "opt_in"}`, "", 200, true},
		{"POST", at + "/approve", "", "", 422, true},
		{"PATCH", at, "", "", 200, true},
		{"DELETE", at, "{}", "", 204, false},
		{"DELETE", at, "", "", 404, true},
		{"GET", at, "", known, 404, true},
	} {
		r := s.want(t, c.status, request{method: c.method, path: c.path, token: token, body: c.body, headers: []string{"If-None-Match", c.known}})
		name := fmt.Sprintf("%s %s: %d", c.method, c.path, c.status)
		for header, want := range everyHeader {
			if got, there := r.Header[http.CanonicalHeaderKey(header)]; !there || got[0] != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		if got := r.Header.Get("ETag") != ""; got != c.tag {
			t.Errorf("%s: an ETag is there: %v, want %v", name, got, c.tag)
		}
		none := c.status == 204 || c.status == 304
		if none && (len(r.body) > 0 || r.Header.Get("Content-Type") != "") {
			t.Errorf("%s: body %q of type %q", name, r.body, r.Header.Get("Content-Type"))
		}
		if !none && r.Header.Get("Content-Type") == "" || c.tag && r.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: headers %v", name, r.Header)
		}
	}
}

// TestNotModifiedIsFree counts what is left after answers that say nothing new, as GitHub does.
func TestNotModifiedIsFree(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := start(t, func(o *Options) { o.Clock = func() time.Time { return now }; o.Limits = auth.NewLimiter(20, o.Clock) })
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	for _, path := range []string{at, at + "/authors", at + "/commit_map"} {
		first := s.want(t, 200, request{method: "GET", path: path, token: token})
		for range 30 {
			again := s.want(t, 304, request{method: "GET", path: path, token: token, headers: []string{"If-None-Match", first.Header.Get("ETag")}})
			for _, header := range []string{"X-RateLimit-Remaining", "X-RateLimit-Used", "X-RateLimit-Reset"} {
				if got, want := again.Header.Get(header), first.Header.Get(header); got != want {
					t.Fatalf("%s: %s is %s after a 304, want %s as before", path, header, got, want)
				}
			}
		}
	}
	rate := func() map[string]any {
		return s.want(t, 200, request{method: "GET", path: "/rate_limit", token: token}).object(t)["rate"].(map[string]any)
	}
	if got := rate(); got["used"] != 5.0 || got["remaining"] != 15.0 {
		t.Errorf("rate %v, want 5 used: the limit is asked about for nothing", got)
	}
	tag := s.want(t, 200, request{method: "GET", path: "/rate_limit", token: token}).Header.Get("ETag")
	s.want(t, 304, request{method: "GET", path: "/rate_limit", token: token, headers: []string{"If-None-Match", tag}})
	if got := rate(); got["used"] != 5.0 {
		t.Errorf("rate %v: a 304 for what costs nothing gave something back", got)
	}
	// Nobody else gets anything for free: an address is not somebody.
	user := s.want(t, 200, request{method: "GET", path: "/rate_limit"}).object(t)["rate"].(map[string]any)
	if user["used"] != 0.0 {
		t.Errorf("the address has used %v", user["used"])
	}
}

// TestCommitMapHasAnETag follows it over what changes the map, and over what does not.
func TestCommitMapHasAnETag(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	put := request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`}
	ask := request{method: "GET", path: at + "/commit_map", token: token}
	s.want(t, 201, put)
	s.want(t, 404, ask)
	s.work(t)
	seen := map[string]string{}
	check := func(name string) {
		t.Helper()
		r := s.want(t, 200, ask)
		tag := r.Header.Get("ETag")
		if old := seen[tag]; old != "" && old != string(r.body) {
			t.Errorf("%s: another map under the ETag %s", name, tag)
		}
		seen[tag] = string(r.body)
		head := s.want(t, 200, request{method: "HEAD", path: ask.path, token: token})
		if head.Header.Get("ETag") != tag || head.ContentLength != int64(len(r.body)) || len(head.body) > 0 {
			t.Errorf("%s: HEAD has %v", name, head.Header)
		}
		for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			s.want(t, 304, request{method: "GET", path: ask.path, token: token, headers: []string{"If-None-Match", known}})
		}
	}
	check("first")
	check("again")
	if len(seen) != 1 {
		t.Errorf("%d ETags of one map", len(seen))
	}
	author := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)[0]["id"]
	s.want(t, 200, request{method: "PATCH", path: fmt.Sprintf("%s/authors/%v", at, author), token: token, body: `{"name": "Somebody Else"}`})
	s.work(t)
	check("mapped")
	s.want(t, 200, request{method: "PATCH", path: at, token: token})
	s.work(t)
	check("restarted")
	s.want(t, 204, request{method: "DELETE", path: at, token: token})
	s.want(t, 404, request{method: "GET", path: ask.path, token: token, headers: []string{"If-None-Match", "*"}})
	s.want(t, 201, put)
	s.work(t)
	check("started anew")
	if len(seen) < 3 {
		t.Errorf("%d ETags: %v", len(seen), seen)
	}
}

// TestScopesOfRoutes asks what a token would have needed.
func TestScopesOfRoutes(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"repo", "admin:repo_hook", "admin:org_hook"}})
	s.create(t, token, "one", "")
	for path, want := range map[string]string{
		"/user": "", "/imports": "", "/rate_limit": "", "/nowhere": "", "/repos/octocat/one/import": "", "/repos/octocat/one/import/authors": "",
		"/repos/octocat/one": "repo", "/repos/octocat/one/hooks": "admin:repo_hook, repo", "/orgs/labs/hooks": "admin:org_hook",
	} {
		r := s.do(t, request{method: "GET", path: path, token: token})
		if got, there := r.Header["X-Accepted-Oauth-Scopes"]; !there || got[0] != want {
			t.Errorf("%s: accepted scopes %q, want %q", path, got, want)
		}
		if got := r.Header.Get("X-OAuth-Scopes"); got != "admin:org_hook, admin:repo_hook, repo" {
			t.Errorf("%s: scopes %q", path, got)
		}
	}
}

// TestURLsAreTheClients holds every URL that is answered against the client's own host, port and prefix, as a
// client does that refuses others. The host is what it calls the server, not what the server calls itself.
func TestURLsAreTheClients(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm"
	s.want(t, 201, request{method: "PUT", path: at + "/import", token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	for _, host := range []string{"localhost", "localhost:80", "127.0.0.1:8080", "[::1]:443", "[2001:db8::7]", "New.Example:8443"} {
		for _, prefix := range []string{"", "/api/v3"} {
			for _, path := range []string{at, at + "/import", at + "/import/authors", "/user", "/imports"} {
				body := s.asHost(t, host, prefix+path, token)
				for _, quoted := range strings.Split(body, `"`) {
					if !strings.HasPrefix(quoted, "http") || quoted == from || strings.Contains(quoted, "docs.github.com") {
						continue
					}
					if !strings.HasPrefix(quoted, "http://"+host+"/") {
						t.Errorf("as %s: %s has %s", host, prefix+path, quoted)
					}
					if strings.Contains(quoted, "/repos/") && !strings.HasPrefix(quoted, "http://"+host+prefix+"/repos/") {
						t.Errorf("as %s under %q: %s has %s", host, prefix, path, quoted)
					}
				}
				if !strings.Contains(body, `"http://`+host+prefix+"/") {
					t.Errorf("as %s: %s has no URL of the client's base", host, prefix+path)
				}
			}
		}
	}
}

func (s *testServer) asHost(t *testing.T, host, path, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "token "+token)
	r.Header.Set("X-Forwarded-Host", "evil.example") // nobody trusts this client
	r.Header.Set("X-Forwarded-Proto", "https")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		text.WriteString(lines.Text())
	}
	if resp.StatusCode != 200 {
		t.Fatalf("as %s: %s: status %d", host, path, resp.StatusCode)
	}
	return text.String()
}

// TestHeadersAreSpeltAsClientsKnowThem looks at the bytes: scripts do, with grep.
func TestHeadersAreSpeltAsClientsKnowThem(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	for _, name := range []string{"user", "nowhere"} {
		_, rest := s.raw(t, "GET /"+name+" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: token "+token+"\r\n\r\n")
		for _, header := range []string{
			"ETag", "X-GitHub-Request-Id", "X-GitHub-Media-Type", "X-GitHub-Api-Version-Selected", "X-RateLimit-Limit", "X-RateLimit-Remaining",
			"X-RateLimit-Used", "X-RateLimit-Reset", "X-RateLimit-Resource", "X-OAuth-Scopes", "X-Accepted-OAuth-Scopes",
		} {
			lines := "\n" + rest
			if exact, any := strings.Count(lines, "\n"+header+": "), strings.Count(strings.ToLower(lines), "\n"+strings.ToLower(header)+": "); exact != 1 || any != 1 {
				t.Errorf("%s: %s %d times, in any case %d: %s", name, header, exact, any, rest)
			}
		}
	}
}
