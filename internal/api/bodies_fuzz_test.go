package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// FuzzBodies sends any body to each call that takes one, through the whole handler. Whatever it is, it is
// taken or refused in GitHub's shapes.
func FuzzBodies(f *testing.F) {
	s := start(f, func(o *Options) { o.Limits = auth.NewLimiter(1<<30, time.Now) })
	token := s.token(f, auth.Grant{User: "octocat"})
	s.create(f, token, "socm", "")
	root := f.TempDir()
	testenv.Synthetic(f, root+"/old.git", "sha1", testenv.Size{Commits: 2})
	from := testenv.ServeGit(f, root, testenv.Options{}) + "/old.git"
	at := "/repos/octocat/socm/import"
	s.want(f, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
	s.work(f)
	author := s.want(f, 200, request{method: "GET", path: at + "/authors", token: token}).list(f)[0]["id"]
	calls := []string{
		"PUT " + at, "PATCH " + at, "PATCH " + at + "/lfs", fmt.Sprintf("PATCH %s/authors/%v", at, author), "PUT " + at + "/authors",
		"POST " + at + "/approve", "POST /user/repos", "POST /orgs/nobody/repos", "POST /repos/octocat/socm/hooks",
	}
	for _, seed := range []string{
		"", "null", "{}", "[]", `{"vcs_url":"https://old.example/p","vcs":"hg","tfvc_project":"x"}`, `{"vcs_username":"u","vcs_password":null}`,
		`{"use_lfs":"opt_in","match":["*.psd"]}`, `{"name":"A","email":"a@b"}`, `[{"id":1,"name":"A"}]`, `{"name":"r","private":true,"visibility":"public"}`,
		`{"config":{"url":"http://127.0.0.1:1/","secret":"x"},"events":["*"]}`, `{"a":"\ud800"}`, "{\"a\":\xff}", `{"hold":true,"hold":1}`, `{"vcs_url":7}`,
	} {
		for n := range calls {
			f.Add(uint8(n), seed)
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		method, path, _ := strings.Cut(calls[int(n)%len(calls)], " ")
		r := httptest.NewRequestWithContext(t.Context(), method, "http://new.example"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "token "+token)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		answered := w.Result()
		for name, values := range w.Header() { // as who reads them over HTTP finds them
			answered.Header[http.CanonicalHeaderKey(name)] = values
		}
		checkShape(t, fmt.Sprintf("%s %s with %q", method, path, body), response{answered, w.Body.Bytes()})
	})
}
