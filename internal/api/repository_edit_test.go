package api

import (
	"encoding/json"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

func TestEditRepository(t *testing.T) {
	s := start(t, nil)
	token, stranger := s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "stranger"})
	s.create(t, token, "Socm", "")
	patch := func(status int, body string) map[string]any {
		t.Helper()
		return s.want(t, status, request{method: "PATCH", path: "/repos/octocat/socm", token: token, body: body}).object(t)
	}
	for _, c := range []struct {
		body        string
		description any
		visibility  string
	}{
		{`{"description": "one", "private": true}`, "one", "private"},
		{`{"private": false, "has_issues": true, "archived": true}`, "one", "public"},
		{`{"name": "Socm", "private": null}`, "one", "public"},
		{`{"visibility": "private", "private": false}`, "one", "private"},
		{`{"description": "", "default_branch": "main"}`, nil, "private"},
		{`{"description": "two"}`, "two", "private"},
		{``, "two", "private"},
		{`null`, "two", "private"},
		{`{"description": null, "visibility": "public"}`, nil, "public"},
	} {
		o := patch(200, c.body)
		if o["description"] != c.description || o["visibility"] != c.visibility || o["private"] != (c.visibility == "private") || o["name"] != "Socm" {
			t.Errorf("%s: %v, %v", c.body, o["description"], o["visibility"])
		}
		if got := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token}).object(t); got["description"] != c.description || got["private"] != o["private"] {
			t.Errorf("%s: GET has %v, %v", c.body, got["description"], got["private"])
		}
	}
	for body, field := range map[string]string{
		`{"name": "other", "description": "lost"}`: "name", `{"name": "socm", "description": "lost"}`: "name", `{"default_branch": "none", "description": "lost"}`: "default_branch",
		`{"description": 7}`: "description", `{"description": "a\nb"}`: "description", `{"visibility": "internal", "description": "lost"}`: "visibility",
		`{"private": "no", "description": "lost"}`: "private", `{"default_branch": [], "description": "lost"}`: "default_branch", `{"default_branch": "../../HEAD"}`: "default_branch",
	} {
		if fault := patch(422, body)["errors"].([]any)[0].(map[string]any); fault["resource"] != "Repository" || fault["field"] != field {
			t.Errorf("%s: %v", body, fault)
		}
	}
	patch(400, "{")
	if o := patch(200, "{}"); o["description"] != nil || o["private"] != false {
		t.Errorf("what was refused is there: %v", o)
	}
	checkRefusal(t, s.want(t, 403, request{method: "PATCH", path: "/repos/octocat/socm", token: stranger, body: `{"private": true}`}))
	patch(200, `{"private": true}`)
	checkRefusal(t, s.want(t, 404, request{method: "PATCH", path: "/repos/octocat/socm", token: stranger, body: `{"private": false}`}))
}

// TestDefaultBranch: the branch that git checks out is the one that was chosen.
func TestDefaultBranch(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", `{"name": "socm", "private": false}`)
	from, dir := serveSource(t, testenv.Options{})
	testenv.Git(t, dir, "branch", "chosen/one", "HEAD")
	s.want(t, 201, request{method: "PUT", path: "/repos/octocat/socm/import", token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	o := s.want(t, 200, request{method: "PATCH", path: "/repos/octocat/socm", token: token, body: `{"default_branch": "chosen/one"}`}).object(t)
	if o["default_branch"] != "chosen/one" {
		t.Errorf("default branch %v", o["default_branch"])
	}
	if got := testenv.Git(t, t.TempDir(), "ls-remote", "--symref", s.URL+"/octocat/socm.git", "HEAD"); got[:len("ref: refs/heads/chosen/one")] != "ref: refs/heads/chosen/one" {
		t.Errorf("git is told %q", got)
	}
}

// TestPagesOfAuthors: those who ask for page after page come to an end.
func TestPagesOfAuthors(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 404, request{method: "GET", path: at + "/authors?page=2", token: token})
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	for query, some := range map[string]bool{"": true, "?page=1&per_page=1": true, "?page=0": true, "?page=x": true, "?page=2": false, "?page=3&since=0": false} {
		r := s.want(t, 200, request{method: "GET", path: at + "/authors" + query, token: token})
		var list []json.RawMessage
		if err := json.Unmarshal(r.body, &list); err != nil || list == nil || len(list) > 0 != some {
			t.Errorf("%s: %s, %v", query, r.body, err)
		}
	}
}
