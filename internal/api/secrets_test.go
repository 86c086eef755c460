package api

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/git/transport"
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
		{"PATCH", at, `{"ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----"}`, 422},
		{"PATCH", at, `{"ssh_key": ["canary"]}`, 422},
		{"PUT", at + "/destination", `{"url": "https://u:canary@h:x/p"}`, 422},
		{"PUT", at + "/destination", `{"url": "https://u:canary@169.254.169.254/p", "password": "canary"}`, 422},
		{"PUT", at + "/destination", `{"url": "https://forge.example/p", "password": "canary\n"}`, 422},
		{"PUT", at + "/destination", `{"url": "https://forge.example/p", "password": {"a": "canary"}}`, 422},
		{"PUT", at + "/destination", `{"url": "git@forge.example:p", "ssh_key": "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n-----END OPENSSH PRIVATE KEY-----"}`, 422},
		{"PUT", at + "/destination", `{"url": "https://forge.example/p", "ssh_key": "canary"}`, 422},
		{"PUT", at + "/destination", `{"url": "https://forge.example/p", "password": "canary`, 400},
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

// TestAnswersHoldNoSecret gives secrets that are taken, and looks for them in all that is told later, in the log and in the database.
func TestAnswersHoldNoSecret(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	private, _, err := transport.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{"canary", strings.Split(string(private), "\n")[2]} // a line of the key
	key := fmt.Sprintf("%q", string(private))
	const at = "/repos/octocat/socm/import"
	for _, q := range []request{
		{method: "PUT", path: at + "/destination", body: `{"url": "https://u:canary@127.0.0.1:9/p", "password": "canary"}`},
		{method: "PUT", path: at + "/destination", body: `{"url": "git@127.0.0.1:p", "username": "canary", "password": "canary", "ssh_key": ` + key + `}`},
		{method: "PUT", path: at, body: `{"vcs": "git", "vcs_url": "ssh://git:canary@127.0.0.1:9/p", "vcs_password": "canary", "ssh_key": ` + key + `}`},
		{method: "PATCH", path: at, body: `{"vcs_password": "canary", "ssh_key": ` + key + `}`},
		{method: "GET", path: at},
		{method: "GET", path: at + "/destination"},
		{method: "GET", path: "/imports"},
	} {
		q.token = token
		r := s.do(t, q)
		if r.StatusCode > 201 {
			t.Errorf("%s %s: %d %s", q.method, q.path, r.StatusCode, r.body)
		}
		s.work(t)
		for _, secret := range secrets {
			if strings.Contains(string(r.body), secret) {
				t.Errorf("%s %s: %s", q.method, q.path, r.body)
			}
		}
	}
	kept := s.log.String()
	for _, name := range []string{"db", "db-wal"} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		kept += string(text)
	}
	for _, secret := range secrets {
		if strings.Contains(kept, secret) {
			t.Errorf("the log or the database holds %q", secret)
		}
	}
}
