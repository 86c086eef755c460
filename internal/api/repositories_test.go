package api

import (
	"fmt"
	"strings"
	"testing"

	"rehome/internal/auth"
)

func TestRepositoryForItsWholeLife(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	made := s.want(t, 201, request{method: "POST", path: "/user/repos", token: token, body: `{"name": "Socm", "description": "moved <here>", "auto_init": false, "has_wiki": true}`})
	o := made.object(t)
	for key, want := range map[string]any{
		"name": "Socm", "full_name": "octocat/Socm", "private": true, "visibility": "private", "description": "moved <here>", "fork": false,
		"default_branch": "main", "archived": false, "disabled": false, "size": 0.0, "pushed_at": nil,
		"url": s.URL + "/repos/octocat/Socm", "html_url": s.URL + "/octocat/Socm", "clone_url": s.URL + "/octocat/Socm.git",
	} {
		if o[key] != want {
			t.Errorf("%s is %v, want %v", key, o[key], want)
		}
	}
	if made.Header.Get("Location") != o["url"] {
		t.Errorf("Location %q, url %v", made.Header.Get("Location"), o["url"])
	}
	owner, permissions := o["owner"].(map[string]any), o["permissions"].(map[string]any)
	if owner["login"] != "octocat" || owner["type"] != "User" || owner["site_admin"] != false || permissions["admin"] != true || permissions["pull"] != true {
		t.Errorf("owner %v, permissions %v", owner, permissions)
	}
	for _, path := range []string{"/repos/octocat/Socm", "/repos/OCTOCAT/socm", fmt.Sprint("/repositories/", o["id"])} {
		if got := s.want(t, 200, request{method: "GET", path: path, token: token}); string(got.body) != string(made.body) {
			t.Errorf("%s: %s, want what POST said", path, got.body)
		}
	}
	if got := s.want(t, 200, request{method: "GET", path: "/api/v3/repos/octocat/socm", token: token}).object(t); got["url"] != s.URL+"/api/v3/repos/octocat/Socm" || got["clone_url"] != o["clone_url"] {
		t.Errorf("under /api/v3: url %v, clone_url %v", got["url"], got["clone_url"])
	}
	s.want(t, 204, request{method: "DELETE", path: "/repos/octocat/socm", token: token})
	s.want(t, 404, request{method: "GET", path: "/repos/octocat/socm", token: token})
	s.want(t, 404, request{method: "DELETE", path: "/repos/octocat/socm", token: token})
	if again := s.create(t, token, "Socm", ""); float64(again.ID) == o["id"] {
		t.Error("the id is used again")
	}
}

func TestVisibility(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	for i, c := range []struct {
		fields  string
		private bool
	}{
		{``, true},
		{`, "private": true`, true},
		{`, "private": null`, true},
		{`, "private": false`, false},
		{`, "visibility": "public"`, false},
		{`, "visibility": "private"`, true},
		{`, "private": false, "visibility": "private"`, true},
	} {
		repo := s.create(t, token, "", fmt.Sprintf(`{"name": "r%d"%s}`, i, c.fields))
		if repo.Private != c.private {
			t.Errorf("%s: private %v", c.fields, repo.Private)
		}
	}
}

func TestRepositoryRefused(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "taken", "")
	for _, c := range []struct {
		body, field, code string
		status            int
	}{
		{`{"name": "TAKEN"}`, "name", "custom", 422},
		{`{}`, "name", "missing_field", 422},
		{``, "name", "missing_field", 422},
		{`{"name": 7}`, "name", "invalid", 422},
		{`{"name": "a/b"}`, "name", "invalid", 422},
		{`{"name": ".."}`, "name", "invalid", 422},
		{`{"name": "-x"}`, "name", "invalid", 422},
		{`{"name": "x.GIT"}`, "name", "invalid", 422},
		{`{"name": "x\u0000"}`, "name", "invalid", 422},
		{`{"name": "` + strings.Repeat("x", 101) + `"}`, "name", "invalid", 422},
		{`{"name": "x", "private": "yes"}`, "private", "invalid", 422},
		{`{"name": "x", "visibility": "internal"}`, "visibility", "invalid", 422},
		{`{"name": "x", "description": "a\nb"}`, "description", "invalid", 422},
		{`{"name": "x", "auto_init": true}`, "auto_init", "unprocessable", 422},
		{`{"name": "x"`, "", "", 400},
		{`["x"]`, "", "", 400},
		{`{"name": "` + strings.Repeat("x", maxBody) + `"}`, "", "", 413},
	} {
		r := s.want(t, c.status, request{method: "POST", path: "/user/repos", token: token, body: c.body})
		o := r.object(t)
		if c.field == "" {
			continue
		}
		fault := o["errors"].([]any)[0].(map[string]any)
		if fault["resource"] != "Repository" || fault["field"] != c.field || fault["code"] != c.code {
			t.Errorf("%.40s: %v, want %s on %s", c.body, fault, c.code, c.field)
		}
	}
	if all, err := s.db.Repositories(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%d repositories, %v; want the first alone", len(all), err)
	}
}

func TestOrganizations(t *testing.T) {
	s := start(t, nil)
	admin, member, stranger := s.token(t, auth.Grant{}), s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}}), s.token(t, auth.Grant{User: "stranger"})
	create := func(status int, org, token, name string) response {
		t.Helper()
		return s.want(t, status, request{method: "POST", path: "/orgs/" + org + "/repos", token: token, body: `{"name": "` + name + `"}`})
	}
	o := create(201, "Labs", member, "one").object(t)
	if owner := o["owner"].(map[string]any); o["full_name"] != "labs/one" || owner["type"] != "Organization" || o["organization"] == nil {
		t.Errorf("made %v", o)
	}
	create(404, "labs", stranger, "two")
	create(404, "fresh", member, "one")
	create(401, "fresh", "", "one")
	create(422, "fresh", admin, "")
	if _, err := s.db.OwnerByLogin(t.Context(), "fresh"); err == nil {
		t.Error("an owner came to be without a repository")
	}
	create(201, "fresh", admin, "one")
	create(422, "users", admin, "one")
	create(422, "a--b", admin, "one")
	create(403, "labs", s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}, Scopes: []string{"admin:org_hook"}}), "three")
	s.want(t, 200, request{method: "GET", path: "/repos/labs/one", token: admin})
	s.want(t, 404, request{method: "GET", path: "/repos/labs/one", token: stranger})
}

func TestUser(t *testing.T) {
	s := start(t, nil)
	o := s.want(t, 200, request{method: "GET", path: "/user", token: s.token(t, auth.Grant{})}).object(t)
	if o["login"] != "admin" || o["type"] != "User" || o["site_admin"] != true || o["id"].(float64) < 1 || o["html_url"] != s.URL+"/admin" {
		t.Errorf("user %v", o)
	}
}
