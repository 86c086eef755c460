package api

import (
	"fmt"
	"strings"
	"testing"

	"rehome/internal/auth"
)

// names are the values under a key of each object of a list, in its order.
func names(list []map[string]any, key string) string {
	all := make([]string, 0, len(list))
	for _, o := range list {
		all = append(all, fmt.Sprint(o[key]))
	}
	return strings.Join(all, " ")
}

// owned is a server with private and public repositories of users and organisations.
func owned(t *testing.T) (s *testServer, admin string) {
	t.Helper()
	s = start(t, nil)
	admin = s.token(t, auth.Grant{})
	create := func(path, token string, names ...string) {
		for _, name := range names {
			s.want(t, 201, request{method: "POST", path: path, token: token, body: fmt.Sprintf(`{"name": %q, "private": %t}`, name, strings.HasPrefix(name, "private"))})
		}
	}
	create("/user/repos", s.token(t, auth.Grant{User: "octocat"}), "public", "private", "Another")
	create("/user/repos", s.token(t, auth.Grant{User: "hermit"}), "private")
	create("/orgs/labs/repos", admin, "public", "private")
	create("/orgs/quiet/repos", admin, "private")
	return s, admin
}

func TestRepositoryLists(t *testing.T) {
	s, admin := owned(t)
	octocat := s.token(t, auth.Grant{User: "octocat", Owners: []string{"Labs"}})
	narrow := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"admin:repo_hook"}})
	nobody := s.token(t, auth.Grant{User: "nobody"})
	for _, c := range []struct{ path, token, want string }{
		{"/user/repos", octocat, "labs/private labs/public octocat/Another octocat/private octocat/public"},
		{"/user/repos", narrow, "labs/public octocat/Another octocat/public"},
		{"/user/repos", nobody, ""},
		{"/user/repos", admin, "hermit/private labs/private labs/public octocat/Another octocat/private octocat/public quiet/private"},
		{"/users/octocat/repos", octocat, "octocat/Another octocat/private octocat/public"},
		{"/users/OCTOCAT/repos", nobody, "octocat/Another octocat/public"},
		{"/users/octocat/repos", "", "octocat/Another octocat/public"},
		{"/users/octocat/repos", narrow, "octocat/Another octocat/public"},
		{"/users/nobody/repos", nobody, ""},
		{"/users/labs/repos", octocat, "labs/private labs/public"},
		{"/orgs/labs/repos", octocat, "labs/private labs/public"},
		{"/orgs/labs/repos", nobody, "labs/public"},
		{"/orgs/labs/repos", admin, "labs/private labs/public"},
		{"/orgs/labs/repos?page=2&per_page=1", admin, "labs/public"},
		{"/orgs/labs/repos?page=3&per_page=1", admin, ""},
		{"/api/v3/user/repos?per_page=2", octocat, "labs/private labs/public"},
	} {
		list := s.want(t, 200, request{method: "GET", path: c.path, token: c.token}).list(t)
		if got := names(list, "full_name"); got != c.want {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
	for _, path := range []string{"/users/hermit/repos", "/users/hermit", "/orgs/quiet/repos", "/orgs/quiet", "/users/quiet", "/orgs/octocat", "/orgs/octocat/repos", "/users/none"} {
		checkRefusal(t, s.want(t, 404, request{method: "GET", path: path, token: octocat}))
	}
}

// TestPagesOfRepositories follows Link as clients do.
func TestPagesOfRepositories(t *testing.T) {
	s, _ := owned(t)
	token := s.token(t, auth.Grant{User: "octocat"})
	for _, base := range []string{"", "/api/v3"} {
		for _, path := range []string{"/user/repos", "/users/octocat/repos"} {
			var all []string
			for at := base + path + "?per_page=1"; at != ""; {
				r := s.want(t, 200, request{method: "GET", path: at, token: token})
				all = append(all, names(r.list(t), "name"))
				at = ""
				for link := range strings.SplitSeq(r.Header.Get("Link"), ", ") {
					if url, next := strings.CutSuffix(link, `>; rel="next"`); next {
						at = strings.TrimPrefix(url, "<"+s.URL)
					}
				}
			}
			if got := strings.Join(all, " "); got != "Another private public" {
				t.Errorf("%s: %s", base+path, got)
			}
		}
	}
}

func TestOwners(t *testing.T) {
	s, admin := owned(t)
	octocat := s.token(t, auth.Grant{User: "octocat", Owners: []string{"quiet"}, Scopes: []string{"admin:org_hook"}})
	org := s.want(t, 200, request{method: "GET", path: "/orgs/QUIET", token: octocat}).object(t)
	if org["login"] != "quiet" || org["type"] != "Organization" || org["url"] != s.URL+"/orgs/quiet" || org["public_repos"] != 0.0 || org["html_url"] != s.URL+"/quiet" {
		t.Errorf("organisation %v", org)
	}
	user := s.want(t, 200, request{method: "GET", path: "/users/octocat", token: admin}).object(t)
	own := s.want(t, 200, request{method: "GET", path: "/user", token: octocat}).object(t)
	if user["login"] != "octocat" || user["type"] != "User" || user["public_repos"] != 2.0 || fmt.Sprint(own) != fmt.Sprint(user) {
		t.Errorf("user %v, own %v", user, own)
	}
	if labs := s.want(t, 200, request{method: "GET", path: "/users/labs"}).object(t); labs["type"] != "Organization" || labs["public_repos"] != 1.0 {
		t.Errorf("an organisation among users: %v", labs)
	}
	s.want(t, 404, request{method: "GET", path: "/orgs/labs-of-nobody", token: octocat})
	for token, want := range map[string]string{octocat: "quiet", admin: "labs quiet", s.token(t, auth.Grant{User: "hermit"}): ""} {
		if got := names(s.want(t, 200, request{method: "GET", path: "/user/orgs", token: token}).list(t), "login"); got != want {
			t.Errorf("organisations %q, want %q", got, want)
		}
	}
	r := s.want(t, 200, request{method: "GET", path: "/user/orgs?per_page=1", token: admin})
	if !strings.Contains(r.Header.Get("Link"), "<"+s.URL+`/user/orgs?page=2&per_page=1>; rel="next"`) {
		t.Errorf("Link %q", r.Header.Get("Link"))
	}
}
