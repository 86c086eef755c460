package api

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"rehome/internal/auth"
	"rehome/internal/disk"
	"rehome/internal/importer"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// changes are requests that have an import at rest go on, or may.
func changes(at string, author any) []request {
	return []request{
		{method: "PATCH", path: at},
		{method: "PATCH", path: fmt.Sprintf("%s/authors/%v", at, author), body: `{"name": "Countess of Lovelace"}`},
		{method: "PUT", path: at + "/authors", body: "Countess of Lovelace <c@example.com> <ada@example.com>\n", headers: []string{"Content-Type", "text/plain"}},
		{method: "PATCH", path: at + "/lfs", body: `{"use_lfs": "opt_in"}`},
		{method: "POST", path: at + "/approve"},
		{method: "POST", path: at + "/finish"},
		{method: "PUT", path: at + "/destination", body: `{"url": "https://forge.example/octocat/socm.git"}`},
	}
}

// Below the floor an import at rest is not taken up again by any request, and stays what it was. One that runs can be changed.
func TestNoRoomForChanges(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	floor := func(least int64) {
		s.api.Importer.Folder.Keep(importer.Keeping{Floor: disk.Floor{Dir: s.dir, Least: least}})
	}
	for _, more := range []string{"", `, "hold": true`} {
		at, _ := s.imported(t, token, more)
		author := s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)[0]["id"]
		seen := func() (all string) {
			for _, path := range []string{at, at + "/authors"} {
				all += string(s.want(t, 200, request{method: "GET", path: path, token: token}).body)
			}
			return all
		}
		before := seen()
		floor(math.MaxInt64)
		for _, q := range changes(at, author) {
			q.token = token
			r := s.want(t, 503, q)
			if o := r.object(t); r.Header.Get("Retry-After") != "30" || !strings.HasPrefix(o["message"].(string), "The server's disk is nearly full") {
				t.Errorf("%s %s: headers %v, body %s", q.method, q.path, r.Header, r.body)
			}
		}
		s.want(t, 404, request{method: "GET", path: at + "/destination", token: token})
		if after := seen(); after != before {
			t.Errorf("it was\n%s\nand is\n%s", before, after)
		}
		floor(0)
		again := changes(at, author)[1]
		again.token = token
		s.want(t, 200, again)
		floor(math.MaxInt64)
		if status, _ := s.status(t, token, at); status != "mapping" {
			t.Errorf("the status is %s", status)
		}
		for _, q := range changes(at, author)[1:4] { // its worker looks at the disk itself
			q.token = token
			s.want(t, 200, q)
		}
		floor(0)
		s.work(t)
		s.want(t, 204, request{method: "DELETE", path: strings.TrimSuffix(at, "/import"), token: token})
	}
}

// Where no import is, nothing begins: the destination of one to come can be set, and the rest is not there.
func TestNoRoomWithoutImport(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	s.api.Importer.Folder.Keep(importer.Keeping{Floor: disk.Floor{Dir: s.dir, Least: math.MaxInt64}})
	for _, q := range changes("/repos/octocat/socm/import", 1) {
		q.token = token
		want := 404
		switch {
		case strings.HasSuffix(q.path, "/destination"):
			want = 200
		case strings.HasSuffix(q.path, "/import"):
			want = 503
		}
		s.want(t, want, q)
	}
}

// One user can have only so many imports wait or run. Whoever asks for more is told so, and others are not concerned.
func TestQueuedLimit(t *testing.T) {
	db, err := store.Options{Limits: store.Limits{Queued: 1}}.Open(t.Context(), t.TempDir()+"/db")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := start(t, func(o *Options) {
		parts(t, o, t.TempDir(), db)
		o.DB, o.Auth = db, auth.New(db)
	})
	s.db = db
	from, _ := serveSource(t, testenv.Options{})
	one, other := s.token(t, auth.Grant{User: "octocat"}), s.token(t, auth.Grant{User: "hubot"})
	put := func(token, user, name string) request {
		return request{method: "PUT", path: "/repos/" + user + "/" + name + "/import", token: token, body: `{"vcs_url": "` + from + `"}`}
	}
	for _, name := range []string{"a", "b"} {
		s.create(t, one, name, "")
	}
	s.create(t, other, "a", "")
	refused := func(q request) {
		t.Helper()
		r := s.want(t, 422, q)
		faults, _ := r.object(t)["errors"].([]any)
		if len(faults) != 1 {
			t.Fatalf("%s", r.body)
		}
		fault := faults[0].(map[string]any)
		says := fmt.Sprint(fault["message"])
		if fault["resource"] != "Import" || fault["code"] != "queue_limit" || !strings.HasPrefix(says, "octocat already has 1 import waiting or running. Wait for") {
			t.Errorf("%s", r.body)
		}
	}
	s.want(t, 201, put(one, "octocat", "a"))
	refused(put(one, "octocat", "b"))
	s.want(t, 404, request{method: "GET", path: "/repos/octocat/b/import", token: one})
	s.want(t, 201, put(one, "octocat", "a")) // it is there already
	s.want(t, 201, put(other, "hubot", "a"))

	s.work(t)
	s.want(t, 201, put(one, "octocat", "b"))
	again := request{method: "PATCH", path: "/repos/octocat/a/import", token: one}
	refused(again)
	if status, _ := s.status(t, one, "/repos/octocat/a/import"); status != "complete" {
		t.Errorf("the status is %s", status)
	}
	s.want(t, 204, request{method: "DELETE", path: "/repos/octocat/b/import", token: one})
	s.want(t, 200, again)
}
