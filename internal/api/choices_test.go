package api

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// collection is a source with several projects at one URL: Git repositories of that name below it.
type collection struct {
	source.Source
	url     string
	choices []rehome.ProjectChoice
}

func (c collection) Detect(_ context.Context, l remote.Location) (source.Found, error) {
	if l.String() != c.url {
		return source.Found{}, &rehome.Error{Code: rehome.NotARepository, Message: "There is no collection."}
	}
	return source.Found{VCS: rehome.TFVC, Choices: c.choices}, nil
}

func (c collection) Fetch(ctx context.Context, r source.Request) (source.Result, error) {
	r.URL = r.URL.JoinPath(r.Project + ".git")
	return c.Source.Fetch(ctx, r)
}

var projects = []rehome.ProjectChoice{
	{VCS: rehome.TFVC, TFVCProject: "project0", HumanName: "project0 (tfs)"},
	{VCS: rehome.TFVC, TFVCProject: "project1", HumanName: "project1 \x1b[31m(tfs)"},
	{VCS: rehome.Mercurial, HumanName: "p (hg)"},
}

// serveCollection makes the server find the choices at the URL it returns; project1 is there.
func serveCollection(t *testing.T, s *testServer, choices []rehome.ProjectChoice) (url string) {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "tfs"), 0o700); err != nil {
		t.Fatal(err)
	}
	testenv.Rich(t, filepath.Join(root, "tfs", "project1.git"), "sha1")
	url = testenv.ServeGit(t, root, testenv.Options{}) + "/tfs"
	s.api.Importer.Source[rehome.TFVC] = collection{s.api.Importer.Source[rehome.Git], url, choices}
	return url
}

func TestProjectChoices(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	at := "/repos/octocat/socm/import"
	from := serveCollection(t, s, projects)
	put := request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`}
	get := request{method: "GET", path: at, token: token}
	s.want(t, 201, put)
	s.work(t)
	found := s.want(t, 200, get)
	const want = `"project_choices":[{"vcs":"tfvc","tfvc_project":"project0","human_name":"project0 (tfs)"},` +
		`{"vcs":"tfvc","tfvc_project":"project1","human_name":"project1 [31m(tfs)"},{"vcs":"mercurial","human_name":"p (hg)"}],`
	if !strings.Contains(string(found.body), want) {
		t.Errorf("%s\nwant %s", found.body, want)
	}
	if got, want := keys(t, found.body), strings.Fields("vcs use_lfs vcs_url status status_text project_choices url html_url authors_url repository_url"); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if o := found.object(t); o["status"] != "detection_found_multiple" || o["vcs"] != nil {
		t.Errorf("import %v", o)
	}
	for _, bad := range []struct{ body, field string }{
		{`{"vcs": "tfvc", "tfvc_project": "project2"}`, "tfvc_project"},
		{`{"vcs": "git", "tfvc_project": "project1"}`, "tfvc_project"},
		{`{"tfvc_project": "PROJECT1"}`, "tfvc_project"},
		{`{"vcs": "svn"}`, "vcs"},
		{`{"vcs": "tfvc"}`, "vcs"}, // which of the two?
	} {
		r := s.want(t, 422, request{method: "PATCH", path: at, token: token, body: bad.body})
		fault := r.object(t)["errors"].([]any)[0].(map[string]any)
		if fault["field"] != bad.field || !strings.Contains(fault["message"].(string), "project0 (tfs), project1 [31m(tfs)") {
			t.Errorf("%s: %v, want a fault of %s that names the choices", bad.body, fault, bad.field)
		}
		if again := s.want(t, 200, get); string(again.body) != string(found.body) {
			t.Errorf("%s: the import is now %s", bad.body, again.body)
		}
	}

	choose := request{method: "PATCH", path: at, token: token, body: `{"vcs": "tfvc", "tfvc_project": "project1", "human_name": "project1 (tfs)"}`}
	for range 2 { // some clients send it again
		o := s.want(t, 200, choose).object(t)
		if o["status"] != "importing" || o["vcs"] != "tfvc" || o["tfvc_project"] != "project1" || o["project_choices"] != nil {
			t.Errorf("chosen: %v", o)
		}
	}
	s.work(t)
	check := func(name string) {
		t.Helper()
		if o := s.want(t, 200, get).object(t); o["status"] != "complete" || o["tfvc_project"] != "project1" || o["vcs"] != "tfvc" || o["project_choices"] != nil {
			t.Errorf("%s: %v", name, o)
		}
	}
	check("in the end")
	s.want(t, 200, request{method: "PATCH", path: at, token: token})
	s.work(t)
	check("restarted")
	s.want(t, 201, put)
	s.work(t)
	check("put again")
}

// What nobody has to choose is not asked for, and what nobody could name is not offered.
func TestChoicesThatAreNone(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	one := rehome.ProjectChoice{VCS: rehome.TFVC, TFVCProject: "project1"}
	for _, c := range []struct {
		name    string
		choices []rehome.ProjectChoice
		given   string
		want    string
	}{
		{"one", []rehome.ProjectChoice{one}, "", "complete"},
		{"one twice", []rehome.ProjectChoice{one, one}, "", "complete"},
		{"named-at-the-start", projects, `, "tfvc_project": "project1"`, "complete"},
		{"another-named", projects, `, "tfvc_project": "project7"`, "detection_found_multiple"},
		{"beside-nonsense", []rehome.ProjectChoice{one, {VCS: "cvs", TFVCProject: "x"}, {VCS: rehome.TFVC, TFVCProject: "a\nb"}}, "", "complete"},
		{"nothing-but-nonsense", []rehome.ProjectChoice{{VCS: "cvs"}, {VCS: rehome.TFVC, TFVCProject: " "}}, "", "error"},
	} {
		name := strings.ReplaceAll(c.name, " ", "-")
		s.create(t, token, name, "")
		from := serveCollection(t, s, c.choices)
		at := "/repos/octocat/" + name + "/import"
		s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"` + c.given + `}`})
		s.work(t)
		if o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t); o["status"] != c.want {
			t.Errorf("%s: %v, want %s", c.name, o, c.want)
		}
	}
}

// A choice that only another version control system's reader could bring is taken, and the
// import says what is missing.
func TestChoiceWithoutAReader(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	at := "/repos/octocat/socm/import"
	from := serveCollection(t, s, projects)
	s.want(t, 201, request{method: "PUT", path: at, token: token, body: `{"vcs_url": "` + from + `"}`})
	s.work(t)
	if o := s.want(t, 200, request{method: "PATCH", path: at, token: token, body: `{"vcs": "hg", "human_name": "p (hg)"}`}).object(t); o["status"] != "importing" || o["vcs"] != "mercurial" {
		t.Errorf("chosen: %v", o)
	}
	s.work(t)
	o := s.want(t, 200, request{method: "GET", path: at, token: token}).object(t)
	if o["status"] != "error" || o["failed_step"] != "raw" || o["message"] != "This server cannot read mercurial repositories yet. It can read git, tfvc." {
		t.Errorf("in the end: %v", o)
	}
}
