package api

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

// TestMetricsNeedNoToken: whoever scrapes has none, and what is answered is no JSON.
func TestMetricsNeedNoToken(t *testing.T) {
	s := start(t, nil)
	for _, path := range []string{"/metrics", "/api/v3/metrics"} {
		r := s.want(t, 200, request{method: "GET", path: path})
		if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4") {
			t.Errorf("%s is %s", path, kind)
		}
		if r.Header.Get("X-GitHub-Request-Id") == "" || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, r.Header)
		}
	}
	s.want(t, 404, request{method: "POST", path: "/metrics"})
}

// TestRequestsAreMeasured: by the route they took, whatever they called for.
func TestRequestsAreMeasured(t *testing.T) {
	s := start(t, nil)
	admin := s.token(t, auth.Grant{})
	s.want(t, 201, request{method: "POST", path: "/user/repos", token: admin, body: `{"name": "a"}`})
	s.want(t, 200, request{method: "GET", path: "/repos/admin/a", token: admin})
	s.want(t, 200, request{method: "HEAD", path: "/api/v3/repositories/1", token: admin})
	s.want(t, 404, request{method: "GET", path: "/repos/admin/b", token: admin})
	s.want(t, 404, request{method: "GET", path: "/no/such/place"})
	s.want(t, 401, request{method: "GET", path: "/admin/a.git/info/refs?service=git-upload-pack"})
	text := string(s.want(t, 200, request{method: "GET", path: "/metrics"}).body)
	for _, want := range []string{
		`{code="201",method="POST",route="/user/repos"} 1`,
		`{code="200",method="GET",route="/repos/{owner}/{repo}"} 1`,
		`{code="200",method="HEAD",route="/repos/{owner}/{repo}"} 1`,
		`{code="404",method="GET",route="/repos/{owner}/{repo}"} 1`,
		`{code="404",method="none",route="none"} 1`,
		`{code="401",method="GET",route="/{owner}/{repo}.git/info/refs"} 1`,
	} {
		if !strings.Contains(text, "rehome_http_request_duration_seconds_count"+want) {
			t.Errorf("%s is not there:\n%s", want, strings.Join(regexp.MustCompile(`.*_count{code.*`).FindAllString(text, -1), "\n"))
		}
	}
}

// TestSeriesAreBounded: whatever is asked for, what is counted by stays the routes, their methods and statuses.
func TestSeriesAreBounded(t *testing.T) {
	s := start(t, func(o *Options) { o.Limits = auth.NewLimiter(1<<20, time.Now) })
	admin := s.token(t, auth.Grant{})
	series := func() int {
		return strings.Count(string(s.want(t, 200, request{method: "GET", path: "/metrics"}).body), "\nrehome_")
	}
	ask := func(n int) {
		for _, path := range []string{"/%d/%d", "/repos/admin/r%d/import?n=%d", "/u%d/r%d.git/info/refs?service=git-upload-pack", "/users/u%d?n=%d"} {
			s.do(t, request{method: "GET", path: fmt.Sprintf(path, n, n), token: admin})
		}
	}
	series()
	ask(0)
	before := series()
	for n := range 250 {
		ask(n)
	}
	if after := series(); after != before {
		t.Errorf("%d samples, were %d", after, before)
	}
}
