package api

import (
	"strings"
	"testing"

	"rehome/internal/auth"
)

// TestRefusalsRepeatNoSecret sends secrets where something beside them, or they themselves, cannot be taken.
func TestRefusalsRepeatNoSecret(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	const at = "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "http://127.0.0.1:1/old.git"}`})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"PUT", at, `{"vcs_password": "canary`, 400},
		{"PUT", at, `{"vcs_password": "canary", x}`, 400},
		{"PUT", at, `["canary"]`, 400},
		{"PUT", at, `{"vcs_url": "https://u:canary@h:x/p", "vcs_password": "canary"}`, 422},
		{"PUT", at, `{"vcs_url": "https://u:canary@other.example/p"}`, 422},
		{"PUT", at, `{"vcs_url": "https://u%3Acanary:p@old.example/p"}`, 422},
		{"PUT", at, `{"vcs_url": "https://old.example/p?token=canary"}`, 422},
		{"PATCH", at, `{"vcs_password": ["canary"]}`, 422},
		{"PATCH", at, `{"vcs_password": "canary\n"}`, 422},
		{"PATCH", at, `{"vcs_url": "https://u:canary@other.example/p"}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://u:canary@ci.example/"}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "gopher://ci.example/canary"}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://ci.example:x/canary", "secret": "canary"}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://169.254.169.254/canary"}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://ci.example/", "secret": {"a": "canary"}}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://ci.example/", "secret": "canary` + strings.Repeat("x", 2000) + `"}}`, 422},
		{"POST", "/repos/octocat/socm/hooks", `{"config": {"url": "https://ci.example/", "secret": "canary}`, 400},
	} {
		r := s.want(t, c.status, request{method: c.method, path: c.path, token: token, body: c.body})
		if strings.Contains(string(r.body), "canary") {
			t.Errorf("%s %.80s: %s", c.method, c.body, r.body)
		}
	}
	if log := s.log.String(); strings.Contains(log, "canary") {
		t.Errorf("the log holds a secret:\n%s", log)
	}
}
