package api

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"rehome/internal/auth"
	"rehome/internal/git/transport"
	"rehome/internal/testenv"
)

// TestDestination moves a repository through one place to another: what the import is told of its
// destination is shown, but for what signs in there.
func TestDestination(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	there := s.create(t, token, "there", "")
	from, dir := serveSource(t, testenv.Options{})
	const at = "/repos/octocat/socm/import"
	to := s.URL + "/octocat/there.git"
	get := request{method: "GET", path: at + "/destination", token: token}
	put := func(status int, body string) response {
		t.Helper()
		return s.want(t, status, request{method: "PUT", path: at + "/destination", token: token, body: body})
	}
	s.want(t, 404, get)
	first := put(200, fmt.Sprintf(`{"url": %q}`, strings.Replace(to, "://", "://any:"+token+"@", 1)))
	const rest = `","on_divergence":"%s","create":%t,"visibility":"%s","ssh_public_key":null}`
	if want := `{"url":"` + to + fmt.Sprintf(rest, "stop", false, "private"); string(first.body) != want {
		t.Errorf("%s, want %s", first.body, want)
	}
	put(200, fmt.Sprintf(`{"url": %q, "create": true, "visibility": "internal", "on_divergence": "overwrite"}`, to)) // credentials stay
	want := `{"url":"` + to + fmt.Sprintf(rest, "overwrite", true, "internal")
	if got := s.want(t, 200, get); string(got.body) != want {
		t.Errorf("%s, want %s", got.body, want)
	}
	begun := s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
	s.work(t)
	done := s.want(t, 200, request{method: "GET", path: at, token: token})
	listed := s.want(t, 200, request{method: "GET", path: "/imports", token: token})
	for _, r := range []response{begun, done, listed} {
		if !strings.Contains(string(r.body), `"destination":`+want+`,"url":`) {
			t.Errorf("%s does not show %s", r.body, want)
		}
	}
	if o := done.object(t); o["status"] != "complete" {
		t.Fatalf("import %s", done.body)
	}
	head := testenv.Git(t, dir, "symbolic-ref", "HEAD")
	if got, want := testenv.Git(t, filepath.Join(s.dir, "host", fmt.Sprintf("%d.git", there.ID)), "rev-parse", head), testenv.Git(t, dir, "rev-parse", head); got != want {
		t.Errorf("%s is %s there, want %s", head, got, want)
	}
	receipt := s.want(t, 200, request{method: "GET", path: at + "/receipt", token: token}).object(t)
	if got := receipt["destination"].(map[string]any)["url"]; got != to {
		t.Errorf("the receipt's destination is %v, want %s", got, to)
	}
	fault := put(422, `{"url": "https://forge.example/other.git"}`).object(t)["errors"].([]any)[0].(map[string]any)
	if fault["field"] != "url" || fault["resource"] != "Import" {
		t.Errorf("another one after the push: %v", fault)
	}
	put(200, fmt.Sprintf(`{"url": %q, "on_divergence": "skip"}`, to))
}

func TestBadDestinations(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	for _, c := range []struct{ body, field, code string }{
		{``, "url", "missing_field"},
		{`{"url": ""}`, "url", "missing_field"},
		{`{"url": null}`, "url", "missing_field"},
		{`{"url": 7}`, "url", "invalid"},
		{`{"url": "/srv/there.git"}`, "url", "invalid"},
		{`{"url": "ext::sh -c id"}`, "url", "invalid"},
		{`{"url": "git://forge.example/x.git"}`, "url", "invalid"},
		{`{"url": "https://169.254.169.254/x.git"}`, "url", "invalid"},
		{`{"url": "ssh://git@169.254.169.254/x.git"}`, "url", "invalid"},
		{`{"url": "git@[fd00:ec2::254]:x.git"}`, "url", "invalid"},
		{`{"url": "https://forge.example/x.git?token=x"}`, "url", "invalid"},
		{`{"url": "https://forge.example/x.git", "create": "yes"}`, "create", "invalid"},
		{`{"url": "https://forge.example/../../etc"}`, "url", "invalid"},
		{`{"url": "https://forge.example/a/./x.git"}`, "url", "invalid"},
		{`{"url": "https://forge.example/a/%2e%2e/x.git"}`, "url", "invalid"},
		{`{"url": "https://forge.example/x.git", "visibilty": "public"}`, "visibilty", "invalid"},
		{`{"url": "https://forge.example/x.git", "visibility": "secret"}`, "visibility", "invalid"},
		{`{"url": "https://forge.example/x.git", "on_divergence": "Stop"}`, "on_divergence", "invalid"},
		{`{"url": "https://forge.example/x.git", "on_divergence": true}`, "on_divergence", "invalid"},
		{`{"url": "https://forge.example/x.git", "username": "a:b", "password": "p"}`, "username", "invalid"},
		{`{"url": "https://forge.example/x.git", "password": ["p"]}`, "password", "invalid"},
		{`{"url": "https://forge.example/x.git", "ssh_key": true}`, "ssh_key", "invalid"},
		{`{"url": "git@forge.example:x.git", "ssh_key": "not a key"}`, "ssh_key", "invalid"},
		{`{"url": "git@forge.example:x.git", "ssh_key": {}}`, "ssh_key", "invalid"},
	} {
		r := s.want(t, 422, request{method: "PUT", path: "/repos/octocat/socm/import/destination", token: token, body: c.body})
		fault := r.object(t)["errors"].([]any)[0].(map[string]any)
		if fault["field"] != c.field || fault["code"] != c.code || fault["resource"] != "Import" {
			t.Errorf("%s: %s, want %s of %s", c.body, r.body, c.code, c.field)
		}
	}
	s.want(t, 404, request{method: "GET", path: "/repos/octocat/socm/import/destination", token: token})
}

// TestSSHKeys: of a key only the public half is shown, one that is made stays, and one that is given takes its place.
func TestSSHKeys(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	private, public, err := transport.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	given := fmt.Sprintf("%q", string(private))
	const at = "/repos/octocat/socm/import"
	for _, c := range []struct{ path, url, where string }{
		{at + "/destination", `"url": "git@127.0.0.1:there.git"`, "ssh_public_key"},
		{at, `"vcs": "git", "vcs_url": "ssh://git@127.0.0.1:9/old.git"`, "ssh_public_key"},
	} {
		put := func(key string) any {
			t.Helper()
			r := s.do(t, request{method: "PUT", path: c.path, token: token, body: "{" + c.url + key + "}"})
			if r.StatusCode > 201 {
				t.Fatalf("%s: %s", c.path, r.body)
			}
			if strings.Contains(string(r.body), "PRIVATE") {
				t.Errorf("%s", r.body)
			}
			s.work(t)
			return r.object(t)[c.where]
		}
		made, _ := put(`, "ssh_key": true`).(string)
		if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(made)); err != nil {
			t.Errorf("%s: the public half is %q: %v", c.path, made, err)
		}
		if again := put(`, "ssh_key": true`); again != made {
			t.Errorf("%s: made again: %v, was %v", c.path, again, made)
		}
		if left := put(``); left != made {
			t.Errorf("%s: nothing said: %v, was %v", c.path, left, made)
		}
		if got := put(`, "ssh_key": ` + given); got != public {
			t.Errorf("%s: given: %v, want %v", c.path, got, public)
		}
		if gone := put(`, "ssh_key": false`); gone != nil {
			t.Errorf("%s: forgotten: %v", c.path, gone)
		}
	}
	// To make a key is no reason to try again: nobody has let it in yet.
	shown := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t)
	patched := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: `{"ssh_key": true}`}).object(t)
	if patched["status"] != shown["status"] || patched["ssh_public_key"] == nil {
		t.Errorf("with a key that is made: %v, was %v", patched, shown)
	}
	if o := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: `{"ssh_key": ` + given + `}`}).object(t); o["status"] != "importing" || o["ssh_public_key"] != public {
		t.Errorf("with a key that is given: %v", o)
	}
}

// TestOptions sets each option, sees it shown, and takes it back. Alone they start nothing.
func TestOptions(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, _ := serveSource(t, testenv.Options{})
	const at = "/repos/octocat/socm/import"
	begun := s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `",
		"prune": true, "refs": ["*", "refs/notes/*", "*"], "exclude_refs": ["wip/*"], "verify": "objects", "sync_interval": 3600}`})
	const want = `"prune":true,"refs":["*","refs/notes/*"],"exclude_refs":["wip/*"],"verify":"objects","sync_interval":3600,`
	if !strings.Contains(string(begun.body), want+`"url":`) {
		t.Errorf("%s, want %s", begun.body, want)
	}
	s.work(t)
	done := s.want(t, 200, request{method: "GET", path: at, token: token})
	if o := done.object(t); o["status"] != "complete" || !strings.Contains(string(done.body), want+`"next_sync_at":"`) {
		t.Fatalf("complete: %s", done.body)
	}
	for _, c := range []struct{ body, key, shown string }{
		{`{"prune": false}`, "prune", ""},
		{`{"refs": []}`, "refs", ""},
		{`{"exclude_refs": ["a", "b?"]}`, "exclude_refs", `["a","b?"]`},
		{`{"exclude_refs": []}`, "exclude_refs", ""},
		{`{"verify": "bytes"}`, "verify", `"bytes"`},
		{`{"verify": "refs"}`, "verify", ""},
		{`{"sync_interval": 60}`, "sync_interval", "60"},
		{`{"sync_interval": 0}`, "next_sync_at", ""},
		{`{"sync_interval": 0}`, "sync_interval", ""},
	} {
		r := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: c.body})
		var shown map[string]json.RawMessage
		if err := json.Unmarshal(r.body, &shown); err != nil {
			t.Fatal(err)
		}
		if got := string(shown[c.key]); got != c.shown || r.object(t)["status"] != "complete" {
			t.Errorf("%s: %s is %s, want %s: %s", c.body, c.key, got, c.shown, r.body)
		}
	}
	for _, c := range []struct{ body, field string }{
		{`{"prune": 1}`, "prune"},
		{`{"refs": "main"}`, "refs"},
		{`{"refs": [""]}`, "refs"},
		{`{"refs": ["a b"]}`, "refs"},
		{`{"exclude_refs": ["a", null]}`, "exclude_refs"},
		{`{"exclude_refs": ["a\n"]}`, "exclude_refs"},
		{`{"default_branch": "a..b"}`, "default_branch"},
		{`{"default_branch": "refs/heads/main"}`, "default_branch"},
		{`{"default_branch": "HEAD"}`, "default_branch"},
		{`{"default_branch": "-x"}`, "default_branch"},
		{`{"default_branch": 1}`, "default_branch"},
		{`{"sync_interval": 59}`, "sync_interval"},
		{`{"sync_interval": -1}`, "sync_interval"},
		{`{"sync_interval": 2592001}`, "sync_interval"},
		{`{"sync_interval": 9223372036854775807}`, "sync_interval"},
		{`{"sync_interval": 60.5}`, "sync_interval"},
		{`{"sync_interval": "60"}`, "sync_interval"},
		{`{"verify": "all"}`, "verify"},
		{`{"ssh_key": true}`, "ssh_key"}, // the source is reached over HTTP
		{`{"ssh_key": 1}`, "ssh_key"},
	} {
		for _, method := range []string{"PATCH", "PUT"} {
			body := c.body
			if method == "PUT" {
				body = `{"vcs_url": "` + from + `", ` + body[1:]
			}
			r := s.want(t, 422, request{method: method, path: at, token: token, body: body})
			if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != c.field || fault["code"] != "invalid" {
				t.Errorf("%s %s: %s", method, body, r.body)
			}
		}
	}
	renamed := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: `{"default_branch": "primary"}`}).object(t)
	if renamed["status"] != "mapping" || renamed["default_branch"] != "primary" {
		t.Errorf("another default branch: %v", renamed)
	}
	s.work(t)
	if o := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token}).object(t); o["default_branch"] != "primary" {
		t.Errorf("the repository's default branch is %v", o["default_branch"])
	}
}

// TestFinish: an import that is finished syncs once more and is closed. It can only be looked at and deleted then.
func TestFinish(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	from, dir := serveSource(t, testenv.Options{})
	const at = "/repos/octocat/socm/import"
	finish := request{method: "POST", path: at + "/finish", token: token}
	get := request{method: "GET", path: at, token: token}
	s.want(t, 404, finish)
	put := request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `", "vcs_username": "u", "vcs_password": "p", "sync_interval": 60}`}
	s.want(t, 201, put)
	s.want(t, 422, finish)
	s.work(t)

	commit := testenv.Git(t, dir, "-c", "user.name=Newcomer", "commit-tree", testenv.Git(t, dir, "rev-parse", "HEAD^{tree}"), "-p", "HEAD", "-m", "later")
	testenv.Git(t, dir, "update-ref", testenv.Git(t, dir, "symbolic-ref", "HEAD"), commit)
	if o := s.want(t, 200, finish).object(t); o["status"] != "importing" || o["closed_at"] != nil {
		t.Errorf("finishing: %v", o)
	}
	s.work(t)
	closed := s.want(t, 200, get)
	if o := closed.object(t); o["status"] != "complete" || o["closed_at"] == nil || o["sync_interval"] != nil || o["next_sync_at"] != nil || o["status_text"] != "Done."+closedText {
		t.Errorf("finished: %s", closed.body)
	}
	s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm/commit/" + commit, token: token})
	author := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)[0]["id"]
	for _, c := range []struct{ method, rest, body string }{
		{"PATCH", "", ""},
		{"PATCH", "", `{"prune": true}`},
		{"PATCH", "", `{"vcs_password": "p"}`},
		{"PUT", "", strings.Replace(put.body, `60`, `120`, 1)},
		{"PATCH", "/lfs", `{"use_lfs": "undecided"}`},
		{"PATCH", "/lfs", `{"use_lfs": "opt_in"}`},
		{"PUT", "/authors", "New <new@new.example> <old@old.example>\n"},
		{"PATCH", fmt.Sprintf("/authors/%v", author), `{"name": "New"}`},
		{"PUT", "/destination", `{"url": "https://forge.example/x.git"}`},
		{"POST", "/approve", ""},
	} {
		r := s.want(t, 422, request{method: c.method, path: at + c.rest, token: token, body: c.body})
		if c.rest != "/approve" && !strings.Contains(string(r.body), "The import is finished and closed.") {
			t.Errorf("%s %s %s: %s", c.method, c.rest, c.body, r.body)
		}
	}
	for _, q := range []request{finish, get, {method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`}} {
		if r := s.do(t, q); r.StatusCode > 201 || string(r.body) != string(closed.body) {
			t.Errorf("%s %s: %s, want %s", q.method, q.path, r.body, closed.body)
		}
	}
	s.want(t, 204, request{method: "DELETE", path: at, token: token})
	s.want(t, 404, finish)
}
