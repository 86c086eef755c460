package api

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/testenv"
)

// states brings imports to each status for real.
type states struct {
	*testServer
	token                    string
	open, locked, collection string
	made                     int
}

func newStates(t *testing.T) *states {
	t.Helper()
	s := start(t, nil)
	root := t.TempDir()
	testenv.Synthetic(t, filepath.Join(root, "old.git"), "sha1", testenv.Size{Commits: 3})
	return &states{
		testServer: s, token: s.token(t, auth.Grant{User: "octocat"}),
		open:       testenv.ServeGit(t, root, testenv.Options{}) + "/old.git",
		locked:     testenv.ServeGit(t, root, testenv.Options{User: "mona", Password: "secret"}) + "/old.git",
		collection: serveCollection(t, s, projects),
	}
}

// at makes a repository whose import is at the status, and returns the import's path and its source.
func (s *states) at(t *testing.T, status rehome.Status) (path, from string) {
	t.Helper()
	s.made++
	name := fmt.Sprintf("r%d", s.made)
	s.create(t, s.token, name, "")
	path, from = "/repos/octocat/"+name+"/import", s.open
	body, works := `"vcs": "git"`, true
	switch status {
	case rehome.Detecting:
		body, works = `"vcs": null`, false
	case rehome.Importing:
		works = false
	case rehome.DetectionNeedsAuth:
		body, from = `"vcs": ""`, s.locked
	case rehome.DetectionFoundNothing:
		body, from = `"vcs": null`, s.open+"/nothing"
	case rehome.DetectionFoundMultiple:
		body, from = `"vcs": null`, s.collection
	case rehome.AuthFailed:
		from = s.locked
	case rehome.Failed:
		from = s.open + "/nothing"
	case rehome.WaitingToPush, rehome.Pushing:
		body = `"vcs": "git", "hold": true`
	}
	s.want(t, 201, request{method: "PUT", path: path, token: s.token, body: `{"vcs_url": "` + from + `", ` + body + `}`})
	if works {
		s.work(t)
	}
	switch status {
	case rehome.Mapping:
		s.want(t, 200, request{method: "PATCH", path: path + "/lfs", token: s.token, body: `{"use_lfs": "opt_out"}`})
	case rehome.Pushing:
		s.want(t, 200, request{method: "POST", path: path + "/approve", token: s.token})
	}
	if got := s.status(t, path); got != status {
		t.Fatalf("the import is %s, want %s", got, status)
	}
	return path, from
}

func (s *states) status(t *testing.T, path string) rehome.Status {
	t.Helper()
	text, _ := s.want(t, 200, request{method: "GET", path: path, token: s.token}).object(t)["status"].(string)
	return rehome.Status(text)
}

// leadsTo is what a call leads to at a status; the zero status is the one there was.
type leadsTo struct {
	code   int
	status rehome.Status
}

// stateCall is what can be asked of an import at every status, and what it leads to.
type stateCall struct {
	name         string
	method, rest string
	body         string // FROM is the import's source, AUTHOR an author's id
	otherwise    leadsTo
	at           map[rehome.Status]leadsTo
}

func stateCalls() []stateCall {
	const (
		detecting, importing, mapping, pushing = rehome.Detecting, rehome.Importing, rehome.Mapping, rehome.Pushing
		wantsAuth, nothing, several, authWrong = rehome.DetectionNeedsAuth, rehome.DetectionFoundNothing, rehome.DetectionFoundMultiple, rehome.AuthFailed
		waiting, complete, failed              = rehome.WaitingToPush, rehome.Complete, rehome.Failed
	)
	type next = map[rehome.Status]leadsTo
	// again is where an import goes on that is started again.
	again := next{
		wantsAuth: {200, detecting}, nothing: {200, detecting}, several: {200, detecting},
		authWrong: {200, importing}, waiting: {200, importing}, complete: {200, importing}, failed: {200, importing},
	}
	with := func(base, change next) next {
		all := next{}
		for _, m := range []next{base, change} {
			for status, b := range m {
				all[status] = b
			}
		}
		return all
	}
	same, refused := leadsTo{200, ""}, leadsTo{422, ""}
	remapped := next{waiting: {200, mapping}, complete: {200, mapping}}
	return []stateCall{
		{"start again", "PUT", "", `{"vcs_url": "FROM"}`, leadsTo{201, ""}, next{
			wantsAuth: {201, detecting}, nothing: {201, detecting}, several: {201, detecting}, authWrong: {201, importing}, failed: {201, importing},
		}},
		{"start again, known to be git", "PUT", "", `{"vcs": "git", "vcs_url": "FROM", "vcs_username": "mona", "vcs_password": "secret"}`, leadsTo{201, ""}, next{
			wantsAuth: {201, importing}, nothing: {201, importing}, several: {201, importing}, authWrong: {201, importing}, failed: {201, importing},
		}},
		{"start from elsewhere", "PUT", "", `{"vcs_url": "https://old.example/other.git"}`, refused, nil},
		{"start without a reader", "PUT", "", `{"vcs": "svn", "vcs_url": "FROM"}`, refused, nil},
		{"restart without a body", "PATCH", "", "", same, again},
		{"restart with null", "PATCH", "", "null", same, again},
		{"restart with {}", "PATCH", "", "{}", same, again},
		{"restart with nulls", "PATCH", "", `{"vcs": null, "vcs_username": null, "vcs_password": null, "tfvc_project": null}`, same, again},
		{"restart with what means nothing", "PATCH", "", `{"human_name": "x", "id": 7}`, same, again},
		{"credentials", "PATCH", "", `{"vcs_username": "mona", "vcs_password": "secret"}`, same, again},
		{"git it is", "PATCH", "", `{"vcs": "git"}`, same, with(again, next{
			detecting: {200, importing}, wantsAuth: {200, importing}, nothing: {200, importing}, several: refused,
		})},
		{"no reader for it", "PATCH", "", `{"vcs": "svn"}`, refused, nil},
		{"no such system", "PATCH", "", `{"vcs": "cvs"}`, refused, nil},
		{"a project", "PATCH", "", `{"tfvc_project": "project1"}`, same, with(again, next{several: {200, importing}})},
		{"a project that cannot be", "PATCH", "", `{"tfvc_project": "a\nb"}`, refused, nil},
		{"elsewhere by PATCH", "PATCH", "", `{"vcs_url": "https://old.example/other.git"}`, refused, nil},
		{"hold", "PATCH", "", `{"hold": true}`, same, next{mapping: refused, pushing: refused, complete: refused}},
		{"do not hold", "PATCH", "", `{"hold": false}`, same, next{waiting: {200, pushing}}},
		{"author map that says nothing", "PUT", "/authors", "", same, nil},
		{"trailers, too", "PATCH", "", `{"map_trailers": true}`, same, remapped},
		{"choose refs, and more", "PATCH", "", `{"refs": ["*"], "exclude_refs": ["none/*"], "prune": true, "verify": "objects", "sync_interval": 3600}`, same, nil},
		{"refs that cannot be", "PATCH", "", `{"refs": ["a b"]}`, refused, nil},
		{"sync too often", "PATCH", "", `{"sync_interval": 1}`, refused, nil},
		{"another default branch", "PATCH", "", `{"default_branch": "primary"}`, same, remapped},
		{"a default branch that cannot be", "PATCH", "", `{"default_branch": "a..b"}`, refused, nil},
		{"a key for what needs none", "PATCH", "", `{"ssh_key": true}`, refused, nil},
		{"no destination", "GET", "/destination", "", leadsTo{404, ""}, nil},
		{"a destination that cannot be", "PUT", "/destination", `{"url": "git://forge.example/x.git"}`, refused, nil},
		{"allow what is missing", "PATCH", "", `{"allow_missing_lfs": true}`, same, nil},
		{"author map", "PUT", "/authors", "New Name <new@new.example> <AUTHOR>\n", same, remapped},
		{"large files", "PATCH", "/lfs", `{"use_lfs": "opt_in"}`, same, remapped},
		{"large files, no choice", "PATCH", "/lfs", `{"use_lfs": true}`, refused, nil},
		{"large files, nothing", "PATCH", "/lfs", "", refused, nil},
		{"approve", "POST", "/approve", "", refused, next{waiting: {200, pushing}}},
		{"no such author", "PATCH", "/authors/999999", `{"name": "x"}`, leadsTo{404, ""}, nil},
		{"finish", "POST", "/finish", "", refused, next{mapping: {200, mapping}, complete: {200, importing}}},
		{"finish again", "POST", "/finish", "", refused, next{mapping: {200, mapping}, complete: same}},
		{"cancel", "DELETE", "", "{}", leadsTo{204, "gone"}, nil},
	}
}

// TestEveryCallAtEveryStatus asks everything of an import at each status, and then lets it work: it has to come
// to rest at a status people know.
func TestEveryCallAtEveryStatus(t *testing.T) {
	for _, status := range rehome.Statuses() {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newStates(t)
			path, from := "", ""
			for _, c := range stateCalls() {
				if path == "" {
					path, from = s.at(t, status)
				}
				want, ok := c.at[status]
				if !ok {
					want = c.otherwise
				}
				if want.status == "" {
					want.status = status
				}
				body := strings.NewReplacer("FROM", from, "AUTHOR", s.authorMail(t, path)).Replace(c.body)
				r := s.do(t, request{method: c.method, path: path + c.rest, token: s.token, body: body})
				if r.StatusCode != want.code {
					t.Errorf("%s: status %d, want %d: %s", c.name, r.StatusCode, want.code, r.body)
				}
				s.checkStateAnswer(t, c, r, want)
				if s.checkRest(t, c, path, want) != status {
					path = ""
				}
			}
			if log := s.log.String(); strings.Contains(log, "level=ERROR") {
				t.Errorf("the log has errors: %s", log)
			}
		})
	}
}

// checkRest holds the import against what was wanted, lets it work and sees that it comes to rest, unless the
// call was refused. It returns the status it has then.
func (s *states) checkRest(t *testing.T, c stateCall, path string, want leadsTo) rehome.Status {
	t.Helper()
	if want.status == "gone" {
		s.want(t, 404, request{method: "GET", path: path, token: s.token})
		return want.status
	}
	if got := s.status(t, path); got != want.status {
		t.Errorf("%s: it is %s, want %s", c.name, got, want.status)
	}
	if want.code >= 400 {
		return want.status
	}
	s.work(t)
	got := s.status(t, path)
	if got.Running() {
		t.Errorf("%s: it comes to no rest and is %s", c.name, got)
	}
	return got
}

// checkStateAnswer holds what was answered against what was wanted.
func (s *states) checkStateAnswer(t *testing.T, c stateCall, r response, want leadsTo) {
	t.Helper()
	switch {
	case want.code >= 400:
		o := r.object(t)
		if o["message"] == "" || o["documentation_url"] == "" || o["status"] != fmt.Sprint(want.code) {
			t.Errorf("%s: %s", c.name, r.body)
		}
		if faults, ok := o["errors"].([]any); want.code == 422 && (!ok || faults[0].(map[string]any)["resource"] != "Import" || faults[0].(map[string]any)["message"] == "") {
			t.Errorf("%s: %s names no fault", c.name, r.body)
		}
	case want.code == 204, c.rest == "/authors":
	default:
		if got := r.object(t)["status"]; got != string(want.status) {
			t.Errorf("%s: the answer says %v, want %s", c.name, got, want.status)
		}
	}
}

// authorMail is the mail of the first author, of nobody when none is known.
func (s *states) authorMail(t *testing.T, path string) string {
	t.Helper()
	all := s.want(t, 200, request{method: "GET", path: path + "/authors", token: s.token}).list(t)
	if len(all) == 0 {
		return "nobody@old.example"
	}
	return all[0]["remote_id"].(string)
}

// TestRestartKeeps takes up what is new at the source: everything people know by an id keeps it, and
// what they chose stays chosen.
func TestRestartKeeps(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	repo := s.create(t, token, "socm", "")
	from, dir := serveSource(t, testenv.Options{})
	at := "/repos/octocat/socm/import"
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs": "git", "vcs_url": "` + from + `"}`})
	s.work(t)
	authors := func() []map[string]any {
		return s.want(t, 200, request{method: "GET", path: at + "/authors", token: token}).list(t)
	}
	first := authors()
	mapped := fmt.Sprintf("%s/authors/%v", at, first[0]["id"])
	s.want(t, 200, request{method: "PATCH", path: mapped, token: token, body: `{"email": "hubot@new.example", "name": "Hubot"}`})
	s.want(t, 200, request{method: "PATCH", path: at + "/lfs", token: token, body: `{"use_lfs": "opt_in"}`})
	s.work(t)
	before := authors()

	head := testenv.Git(t, dir, "symbolic-ref", "HEAD")
	tree := testenv.Git(t, dir, "rev-parse", "HEAD^{tree}")
	commit := testenv.Git(t, dir, "-c", "user.name=Newcomer", "commit-tree", tree, "-p", "HEAD", "-m", "later")
	testenv.Git(t, dir, "update-ref", head, commit)
	for _, body := range []string{"", "{}", "null"} {
		if o := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: body}).object(t); o["status"] != "importing" {
			t.Errorf("restart with %q: %v", body, o)
		}
		s.work(t)
		o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t)
		if o["status"] != "complete" || o["use_lfs"] != "opt_in" {
			t.Errorf("after a restart with %q: %v", body, o)
		}
		now := authors()
		if len(now) < len(before) || !slices.EqualFunc(now[:len(before)], before, func(a, b map[string]any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("after a restart with %q the authors are %v, want %v first", body, now, before)
		}
	}
	became := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm/commit/" + commit, token: token}).object(t)["new"]
	if got := testenv.Git(t, filepath.Join(s.dir, "host", fmt.Sprintf("%d.git", repo.ID)), "rev-parse", head); got != became {
		t.Errorf("%s is %s, want the new commit, %v", head, got, became)
	}
	if o := s.want(t, 200, request{method: "GET", path: "/repos/octocat/socm", token: token}).object(t); o["id"] != float64(repo.ID) {
		t.Errorf("the repository has the id %v, want %d", o["id"], repo.ID)
	}
}
