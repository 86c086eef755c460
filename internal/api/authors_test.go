package api

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// imported starts an import of a rich repository for octocat and works until it rests.
func (s *testServer) imported(t *testing.T, token, more string) (at, dir string) {
	t.Helper()
	s.create(t, token, "socm", "")
	from, dir := serveSource(t, testenv.Options{})
	at = "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"` + more + `}`})
	s.work(t)
	return at, dir
}

// status is where the import stands, and what it says of it.
func (s *testServer) status(t *testing.T, token, at string) (status, text string) {
	t.Helper()
	o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t)
	text, _ = o["status_text"].(string)
	return o["status"].(string), text
}

// people lists who is in the author, committer and tagger lines on the host.
func (s *testServer) people(t *testing.T, token string) []string {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, filepath.Dir(clone), "clone", "-q", "--mirror", s.withToken(token)+"/octocat/socm.git", clone)
	text := testenv.Git(t, clone, "log", "--all", "--format=%an <%ae>%n%cn <%ce>") + "\n" +
		testenv.Git(t, clone, "for-each-ref", "--format=%(taggername) %(taggeremail)", "refs/tags")
	people := strings.Split(text, "\n")
	slices.Sort(people)
	return slices.Compact(people)
}

// The author of that name, as listed.
func (s *testServer) author(t *testing.T, token, at, name string) map[string]any {
	t.Helper()
	for _, a := range s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t) {
		if a["remote_name"] == name {
			return a
		}
	}
	t.Fatalf("no author %q", name)
	return nil
}

func TestMapAuthor(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	before := s.author(t, token, at, "Ada Lovelace")
	path := fmt.Sprintf("%s/authors/%.0f", at, before["id"])
	for _, body := range []string{"", "{}", "null", `{"name": null}`, `{"remote_name": "stolen", "remote_id": "can't touch this", "id": 7}`} {
		r := s.want(t, 200, request{method: "PATCH", path: path, token: token, body: body})
		if got := r.object(t); fmt.Sprint(got) != fmt.Sprint(before) {
			t.Errorf("%s: %v, was %v", body, got, before)
		}
	}
	if status, _ := s.status(t, token, at); status != "complete" {
		t.Errorf("after changes of nothing: %s", status)
	}
	r := s.want(t, 200, request{method: "PATCH", path: path, token: token, body: `{"email": "hubot@example.com", "name": "Hubot", "remote_id": "no"}`})
	want := fmt.Sprintf(`{"id":%.0f,"remote_id":"ada@example.com","remote_name":"Ada Lovelace","email":"hubot@example.com","name":"Hubot","url":"%s%s","import_url":"%s%s"}`,
		before["id"], s.URL, path, s.URL, at)
	if string(r.body) != want {
		t.Errorf("got %s, want %s", r.body, want)
	}
	if status, text := s.status(t, token, at); status != "mapping" || text != "Rewriting commits..." {
		t.Errorf("after a map: %s, %s", status, text)
	}
	s.work(t)
	if people := s.people(t, token); slices.ContainsFunc(people, func(p string) bool { return strings.Contains(p, "Ada") }) || !slices.Contains(people, "Hubot <hubot@example.com>") {
		t.Errorf("on the host are %q", people)
	}
}

func TestMapAuthorRefuses(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	id := fmt.Sprintf("/authors/%.0f", s.author(t, token, at, "Ada Lovelace")["id"])
	for _, c := range []struct {
		rest, body, field string
		status            int
	}{
		{"/authors/999999", `{"name": "x"}`, "", 404},
		{"/authors/0", `{"name": "x"}`, "", 404},
		{"/authors/-1", "", "", 404},
		{"/authors/one", `{"name": "x"}`, "", 404},
		{"/authors/99999999999999999999", `{"name": "x"}`, "", 404},
		{id, `{"name": "a\nb"}`, "name", 422},
		{id, `{"name": "a<b"}`, "name", 422},
		{id, `{"email": "a>b"}`, "email", 422},
		{id, `{"email": "a\u0000b"}`, "email", 422},
		{id, `{"email": "` + strings.Repeat("a", 2000) + `"}`, "email", 422},
		{id, `{"email": 7}`, "email", 422},
		{id, `{"name": ["x"]}`, "name", 422},
		{id, `{"name": "x"`, "", 400},
		{id, `"x"`, "", 400},
	} {
		r := s.want(t, c.status, request{method: "PATCH", path: at + c.rest, token: token, body: c.body})
		if c.field == "" {
			continue
		}
		if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != c.field || fault["resource"] != "Import" || fault["code"] != "invalid" {
			t.Errorf("%s: %s", c.body, r.body)
		}
	}
	if status, _ := s.status(t, token, at); status != "complete" {
		t.Errorf("after refusals: %s", status)
	}
	s.want(t, 200, request{method: "PATCH", path: at + id, token: token, body: `{"email": ""}`}) // as Git allows it
}

func TestMapAuthors(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	id := s.author(t, token, at, "Ada Lovelace")["id"].(float64)
	all := len(s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t))
	for _, c := range []struct{ kind, body, want, becomes string }{
		{"text/plain; charset=utf-8", "Hubot <h@y> <ADA@example.com>\n\nX <x@y> <none@x>\n", `{"mapped":1,"unknown":[{"line":3,"text":"X <x@y> <none@x>"}],"unmapped":%d}`, "Hubot <h@y>"},
		{"application/json", fmt.Sprintf(`[{"id": %.0f, "name": "Robot", "url": "https://x"}, {"remote_id": "none@x", "name": "y"}]`, id), `{"mapped":1,"unknown":[{"line":2,"text":"<none@x>"}],"unmapped":%d}`, "Robot <ada@example.com>"},
		{"application/x-www-form-urlencoded", ` [{"remote_name": "Ada Lovelace", "remote_id": "ada@example.com", "name": "A", "email": "a@y"}]`, `{"mapped":1,"unknown":[],"unmapped":%d}`, "A <a@y>"},
		{"", "[bot] <c@y> <ada@example.com>", `{"mapped":1,"unknown":[],"unmapped":%d}`, "[bot] <c@y>"},
		{"", "Ada Lovelace = B <b@y>", `{"mapped":1,"unknown":[],"unmapped":%d}`, "B <b@y>"},
	} {
		r := s.want(t, 200, request{method: "PUT", path: at + "/authors", token: token, body: c.body, headers: []string{"Content-Type", c.kind}})
		if want := fmt.Sprintf(c.want, all-1); string(r.body) != want {
			t.Errorf("%s: %s, want %s", c.body, r.body, want)
		}
		s.work(t)
		if people := s.people(t, token); !slices.Contains(people, c.becomes) || slices.Contains(people, "Ada Lovelace <ada@example.com>") {
			t.Errorf("%s: on the host are %q", c.body, people)
		}
	}
	s.want(t, 200, request{method: "PUT", path: at + "/authors", token: token, body: "[]", headers: []string{"Content-Type", "application/json"}})
	s.work(t)
	if people := s.people(t, token); !slices.Contains(people, "Ada Lovelace <ada@example.com>") {
		t.Errorf("after an empty map: %q", people)
	}
}

func TestMapAuthorsRefuses(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	for _, c := range []struct {
		kind, body string
		status     int
		lines      []float64
	}{
		{"text/plain", "A <a@y> <ada@example.com>\nnonsense\nA <a@y\n", 422, []float64{2, 3}},
		{"application/json", `[{"remote_id": "ada@example.com", "name": "A"}, {"name": "B"}, {"id": "x"}]`, 422, []float64{3}},
		{"application/json", `[{"remote_id": "ada@example.com", "name": "A"}, {"name": "B"}, {"id": 1, "email": "<"}]`, 422, []float64{2, 3}},
		{"application/json", `[7]`, 400, nil},
		{"application/json", `{"id": 7}`, 400, nil},
		{"application/json", `null`, 400, nil},
		{"application/json", ``, 400, nil},
		{"application/json", `[`, 400, nil},
		{"text/plain", strings.Repeat("#", maxMap+1), 413, nil},
		{"application/json", "[" + strings.Repeat(`{"id":1},`, maxEntries) + "{}]", 422, []float64{0}},
	} {
		r := s.want(t, c.status, request{method: "PUT", path: at + "/authors", token: token, body: c.body, headers: []string{"Content-Type", c.kind}})
		var lines []float64
		if c.lines != nil {
			for _, fault := range r.object(t)["errors"].([]any) {
				line, _ := fault.(map[string]any)["index"].(float64)
				lines = append(lines, line)
			}
		}
		if !slices.Equal(lines, c.lines) {
			t.Errorf("%.100s: %s", c.body, r.body)
		}
		if status, _ := s.status(t, token, at); status != "complete" || s.author(t, token, at, "Ada Lovelace")["name"] != "Ada Lovelace" {
			t.Errorf("%.100s was taken", c.body)
		}
	}
}

// What is wrong with a map reads well, in the words of its kind.
func TestMapAuthorsFaults(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, "")
	for _, c := range []struct {
		kind, body string
		want       []string
	}{
		{"text/plain", "nonsense\n", []string{"line 1 (nonsense) has no <mail>"}},
		{"application/json", `[{"remote_name": "Carol", "email": "<"}, {"name": "B"}]`, []string{
			"entry 1 (Carol) cannot be taken: the email holds < or >",
			"entry 2 names no author: it has neither id nor remote_name nor remote_id",
		}},
		{"application/json", `[{"id": 1}, {"id": "x"}]`, []string{"entry 2: id is not an author's id"}},
	} {
		r := s.want(t, 422, request{method: "PUT", path: at + "/authors", token: token, body: c.body, headers: []string{"Content-Type", c.kind}})
		var got []string
		for _, fault := range r.object(t)["errors"].([]any) {
			got = append(got, fault.(map[string]any)["message"].(string))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
	for _, kind := range []string{"application/xml", "text/xml; charset=utf-8", "application/atom+xml", "multipart/form-data; boundary=x", "application/yaml", "image/png"} {
		r := s.want(t, 415, request{method: "PUT", path: at + "/authors", token: token, body: "A <a@y> <ada@example.com>", headers: []string{"Content-Type", kind}})
		if !strings.Contains(string(r.body), "text/plain") {
			t.Errorf("%s: %s", kind, r.body)
		}
	}
}

func TestCommitMap(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, dir := s.imported(t, token, `, "hold": true`)
	s.want(t, 200, request{method: "PUT", path: at + "/authors", token: token, body: "Hubot <h@y> <ada@example.com>"})
	s.work(t)
	r := s.want(t, 200, request{method: "GET", path: at + "/commit_map", token: token})
	if got := r.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" || r.ContentLength != int64(len(r.body)) {
		t.Errorf("type %q, length %d of %d", got, r.ContentLength, len(r.body))
	}
	head := s.want(t, 200, request{method: "HEAD", path: at + "/commit_map", token: token})
	if head.ContentLength != r.ContentLength {
		t.Errorf("HEAD says %d bytes", head.ContentLength)
	}
	commits, err := testenv.ReadCommitMap(r.body)
	if err != nil {
		t.Fatal(err)
	}
	tip := testenv.Git(t, dir, "rev-parse", "HEAD")
	one := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm/commit/" + strings.ToUpper(tip), token: token})
	if want := `{"old":"` + tip + `","new":"` + commits[tip] + `"}`; string(one.body) != want || commits[tip] == tip {
		t.Errorf("got %s, want %s", one.body, want)
	}
	short := s.want(t, 422, request{method: "GET", path: "/repos/octocat/socm/commit/" + tip[:7], token: token})
	if fault := short.object(t)["errors"].([]any)[0].(map[string]any); !strings.Contains(fault["message"].(string), "whole") {
		t.Errorf("an abbreviated id: %s", short.body)
	}
	for _, none := range []string{"HEAD", "abc", "abc/def", strings.Repeat("0", 40), strings.Repeat("0", 64), testenv.Git(t, dir, "rev-parse", "HEAD^{tree}")} {
		s.want(t, 404, request{method: "GET", path: "/repos/octocat/socm/commit/" + none, token: token})
	}
	s.want(t, 204, request{method: "DELETE", path: at, token: token})
	s.want(t, 404, request{method: "GET", path: at + "/commit_map", token: token})
	s.want(t, 404, request{method: "GET", path: "/repos/octocat/socm/commit/" + tip, token: token})
}

func TestHoldAndApprove(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	at, _ := s.imported(t, token, `, "hold": true, "map_trailers": false, "map_hashes": false`)
	if status, text := s.status(t, token, at); status != "waiting_to_push" || !strings.HasSuffix(text, "nothing changes. Approve with POST "+s.URL+at+"/approve.") {
		t.Errorf("held: %s, %s", status, text)
	}
	s.want(t, 200, request{method: "PUT", path: at + "/authors", token: token, body: "Hubot <h@y> <ada@example.com>"})
	s.want(t, 422, request{method: "POST", path: at + "/approve", token: token})
	s.work(t)
	if status, text := s.status(t, token, at); status != "waiting_to_push" || !strings.Contains(text, " of 7 commits and 2 tags change") {
		t.Errorf("held: %s, %s", status, text)
	}
	approved := s.want(t, 200, request{method: "POST", path: at + "/approve", token: token, body: "{}"}).object(t)
	if approved["status"] != "pushing" {
		t.Errorf("approved: %v", approved)
	}
	s.work(t)
	if status, text := s.status(t, token, at); status != "complete" || text != "Done" {
		t.Errorf("after approval: %s, %s", status, text)
	}
	for _, method := range []string{"PUT", "PATCH"} {
		source := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t)["vcs_url"].(string)
		r := s.want(t, 422, request{method: method, path: at, token: token, body: `{"vcs_url": "` + source + `", "hold": true, "map_trailers": true}`})
		if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != "hold" || fault["code"] != "invalid" {
			t.Errorf("%s of a hold that comes too late: %s", method, r.body)
		}
	}
	r := s.want(t, 422, request{method: "POST", path: at + "/approve", token: token})
	if fault := r.object(t)["errors"].([]any)[0].(map[string]any); !strings.Contains(fault["message"].(string), "complete") {
		t.Errorf("approved again: %s", r.body)
	}
	for _, c := range []struct{ body, want string }{
		{`{"map_hashes": true}`, "mapping"},
		{`{"map_hashes": true, "map_trailers": false, "hold": false}`, "complete"},
		{`{"map_trailers": true}`, "mapping"},
		{`{}`, "importing"},
	} {
		if got := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: c.body}).object(t); got["status"] != c.want {
			t.Errorf("%s: %v, want %s", c.body, got["status"], c.want)
		}
		s.work(t)
	}
	for _, key := range []string{"hold", "map_trailers", "map_hashes"} {
		for _, method := range []string{"PUT", "PATCH"} {
			r := s.want(t, 422, request{method: method, path: at, token: token, body: `{"vcs_url": "https://old.example/p", "` + key + `": "yes"}`})
			if fault := r.object(t)["errors"].([]any)[0].(map[string]any); fault["field"] != key || fault["code"] != "invalid" {
				t.Errorf("%s %s: %s", method, key, r.body)
			}
		}
	}
}
