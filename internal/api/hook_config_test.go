package api

import (
	"fmt"
	"testing"

	"rehome"
	"rehome/internal/auth"
)

func TestHookConfig(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat", Owners: []string{"labs"}})
	s.create(t, token, "socm", "")
	s.want(t, 201, request{method: "POST", path: "/orgs/labs/repos", token: s.token(t, auth.Grant{}), body: `{"name": "one"}`})
	for _, hooks := range []string{"/repos/octocat/socm/hooks", "/orgs/labs/hooks"} {
		made := s.want(t, 201, request{method: "POST", path: hooks, token: token, body: `{"config": {"url": "http://127.0.0.1:9/a", "secret": "s"}, "events": ["push"]}`}).object(t)
		s.want(t, 201, request{method: "POST", path: hooks, token: token, body: `{"config": {"url": "http://127.0.0.1:9/b"}, "events": ["push"]}`})
		at := fmt.Sprintf("%s/%v/config", hooks, made["id"])
		for _, c := range []struct{ body, url, kind, secret string }{
			{"", "a", "form", "********"},
			{"null", "a", "form", "********"},
			{`{"content_type": "json"}`, "a", "json", "********"},
			{`{"secret": ""}`, "a", "json", ""},
			{`{"secret": "other", "insecure_ssl": 0}`, "a", "json", "********"},
			{`{"url": "http://127.0.0.1:9/c", "secret": "********", "insecure_ssl": "0"}`, "c", "json", "********"},
			{`{"url": null, "content_type": null, "secret": null, "insecure_ssl": null}`, "c", "json", "********"},
		} {
			changed := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: c.body})
			o := changed.object(t)
			if secret, _ := o["secret"].(string); o["url"] != "http://127.0.0.1:9/"+c.url || o["content_type"] != c.kind || secret != c.secret || o["insecure_ssl"] != "0" {
				t.Errorf("%s: %s", c.body, changed.body)
			}
			if got := s.want(t, 200, request{method: "GET", path: at, token: token}); string(got.body) != string(changed.body) {
				t.Errorf("%s: GET has %s", c.body, got.body)
			}
		}
		for body, field := range map[string]string{
			`{"url": "ftp://127.0.0.1/"}`: "url", `{"url": ""}`: "url", `{"url": 7}`: "url", `{"content_type": "xml"}`: "content_type",
			`{"insecure_ssl": "1"}`: "insecure_ssl", `{"insecure_ssl": "x"}`: "insecure_ssl", `{"secret": []}`: "secret",
		} {
			r := s.want(t, 422, request{method: "PATCH", path: at, token: token, body: body})
			if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["resource"] != "Hook" || fault["field"] != field {
				t.Errorf("%s: %v", body, fault)
			}
		}
		s.want(t, 422, request{method: "PATCH", path: at, token: token, body: `{"url": "http://127.0.0.1:9/b", "content_type": "form"}`})
		s.want(t, 404, request{method: "GET", path: hooks + "/99/config", token: token})
		s.want(t, 404, request{method: "PATCH", path: hooks + "/99/config", token: token, body: "{}"})
	}
}

// TestHookTest: a hook is told of no push, at neither of the paths that clients know.
func TestHookTest(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	repo := s.create(t, token, "socm", "")
	hooks := "/repos/octocat/socm/hooks"
	made := s.want(t, 201, request{method: "POST", path: hooks, token: token, body: `{"config": {"url": "http://127.0.0.1:9/a"}}`}).object(t)
	s.want(t, 204, request{method: "POST", path: fmt.Sprintf("%s/%v/tests", hooks, made["id"]), token: token})
	s.want(t, 204, request{method: "POST", path: made["test_url"].(string)[len(s.URL):], token: token})
	s.want(t, 404, request{method: "POST", path: hooks + "/99/tests", token: token})
	list, err := s.api.Hooks.Deliveries(t.Context(), rehome.HookTarget{RepositoryID: repo.ID}, int64(made["id"].(float64)), 0, 100)
	if err != nil || len(list) != 1 || list[0].Event != rehome.EventPing {
		t.Errorf("deliveries %+v, %v; want the first ping alone", list, err)
	}
}
