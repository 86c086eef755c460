package api

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// TestThoseWhoMayDo asks every route of a repository's as each kind of caller that may.
// Who may not is in TestWhoMay.
func TestThoseWhoMayDo(t *testing.T) {
	s := start(t, nil)
	admin := s.token(t, auth.Grant{})
	from, dir := serveSource(t, testenv.Options{})
	commit := testenv.Git(t, dir, "rev-parse", "HEAD")
	refused := []string{"POST /import/approve"} // nothing is held
	for _, c := range []struct{ name, token, owner, create string }{
		{"owner", s.token(t, auth.Grant{User: "octocat", Scopes: []string{"repo"}}), "octocat", "/user/repos"},
		{"acting for the owner", s.token(t, auth.Grant{User: "mona", Owners: []string{"labs"}}), "labs", "/orgs/labs/repos"},
		{"administrator", admin, "works", "/orgs/works/repos"},
	} {
		s.want(t, 201, request{method: "POST", path: c.create, token: c.token, body: `{"name": "socm"}`})
		at := "/repos/" + c.owner + "/socm"
		s.want(t, 201, request{method: "PUT", path: at + "/import", token: c.token, body: `{"vcs_url": "` + from + `"}`})
		s.work(t)
		author := s.want(t, 200, request{method: "GET", path: at + "/import/authors", token: c.token}).list(t)[0]["id"]
		ends := map[string]string{} // of what is there, to be asked last: the import, then the repository
		for _, rt := range s.api.routes() {
			rest, ok := strings.CutPrefix(rt.pattern, byName)
			switch {
			case !ok:
			case rt.method == http.MethodDelete:
				ends[rest] = at + rest
			default:
				want, body := 200, `{"vcs_url": "`+from+`"}`
				switch {
				case slices.Contains(refused, rt.method+" "+rest):
					want = 422
				case rt.method+" "+rest == "PUT /import":
					want = 201
				case rt.method+" "+rest == "PATCH /import/lfs":
					body = `{"use_lfs": "undecided"}`
				case rt.method+" "+rest == "PUT /import/authors":
					body = "[]"
				}
				rest = strings.NewReplacer("{author}", fmt.Sprint(author), "{old}", commit).Replace(rest)
				s.want(t, want, request{method: rt.method, path: at + rest, token: c.token, body: body})
			}
			s.work(t)
		}
		for _, rest := range []string{"/import", ""} {
			s.want(t, 204, request{method: "DELETE", path: ends[rest], token: c.token})
			delete(ends, rest)
		}
		if len(ends) > 0 {
			t.Errorf("%s: nobody thought of DELETE %v", c.name, ends)
		}
	}
}

// TestWhoMayElsewhere asks the routes that are under no repository.
func TestWhoMayElsewhere(t *testing.T) {
	s := start(t, nil)
	callers := []string{
		"",
		"rht_nonsense",
		s.token(t, auth.Grant{User: "octocat", Scopes: []string{"admin:org_hook"}}),
		s.token(t, auth.Grant{User: "stranger"}),
		s.token(t, auth.Grant{User: "mona", Owners: []string{"labs"}}),
		s.token(t, auth.Grant{}),
	}
	revoked, secret, err := s.auth.Issue(t.Context(), auth.Grant{User: "octocat"})
	if err == nil {
		err = s.db.RevokeToken(t.Context(), revoked.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	callers = append(callers, string(secret))
	// nobody, nonsense, without scope, stranger, acting for labs, administrator, revoked
	want := map[string][]int{
		"GET /rate_limit":        {200, 401, 200, 200, 200, 200, 401},
		"GET /user":              {401, 401, 200, 200, 200, 200, 401},
		"GET /imports":           {401, 401, 200, 200, 200, 200, 401},
		"POST /user/repos":       {401, 401, 403, 201, 201, 201, 401},
		"POST /orgs/{org}/repos": {401, 401, 403, 404, 201, 201, 401},
	}
	for _, rt := range s.api.routes() {
		if strings.HasPrefix(rt.pattern, byName) || rt.access == probe {
			continue
		}
		name := rt.method + " " + rt.pattern
		if want[name] == nil {
			t.Errorf("%s: nobody thought about who may", name)
			continue
		}
		for n, token := range callers {
			path := strings.ReplaceAll(rt.pattern, "{org}", "labs")
			r := s.do(t, request{method: rt.method, path: path, token: token, body: `{"name": "r` + strconv.Itoa(n) + `"}`})
			if r.StatusCode != want[name][n] {
				t.Errorf("%s as caller %d: %d, want %d: %s", name, n, r.StatusCode, want[name][n], r.body)
			}
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no such routes: %v", want)
	}
}

// A repository whose folder cannot be removed keeps its row: it can be deleted again.
func TestDeleteIsFinishedOrCanBeRepeated(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	deleting := request{method: "DELETE", path: "/repos/octocat/socm", token: token}
	home := filepath.Join(s.dir, "host")
	aside := home + "-aside"
	if err := os.Rename(home, aside); err != nil { // where folders go before they vanish
		t.Fatal(err)
	}
	s.want(t, 500, deleting)
	if err := os.Rename(aside, home); err != nil {
		t.Fatal(err)
	}
	s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token})
	s.want(t, 204, deleting)
	s.want(t, 404, deleting)
}
