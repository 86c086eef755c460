package forge

import (
	"net/http"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// These run against a real Gitea, with make test-forge.

func TestForgeCreate(t *testing.T) {
	g := testenv.NewGitea(t)
	f := New(Options{Client: forges(t).o.Client})
	ada, eve := g.User(t, "ada"), g.User(t, "eve")
	g.Organisation(t, ada, "engines")
	g.Repository(t, "ada", "there")
	g.Repository(t, "eve", "secret")
	whole := g.NewToken(t, ada, "all")
	weak := g.NewToken(t, ada, "read:repository", "read:user")
	repositories := g.NewToken(t, ada, "write:repository")
	ours := g.NewToken(t, ada, "write:repository", "write:user")
	theirs := g.NewToken(t, ada, "write:repository", "write:organization")
	for _, c := range []struct {
		name, sign, path string
		r                NewRepository
		code             rehome.Code // "" for made, or there and fit
		want             string      // in the error
	}{
		{"by token", whole, "/ada/one.git", NewRepository{}, "", ""},
		{"by user and token", "ada:" + whole, "/ada/two.git", NewRepository{Visibility: rehome.Public, DefaultBranch: "trunk"}, "", ""},
		{"by password", "ada:a%20long%20pass%20phrase", "/ada/three", NewRepository{}, "", ""},
		{"by the scopes we name, one's own", ours, "/ada/four", NewRepository{}, "", ""},
		{"by the scopes we name, an organisation's", theirs, "/engines/five", NewRepository{}, "", ""},
		{"without read:user, with a name", "ada:" + theirs, "/engines/six", NewRepository{}, "", ""},
		{"there and empty", whole, "/ada/there", NewRepository{}, "", ""},
		{"wrong token", "nonsense", "/ada/x", NewRepository{}, rehome.DestinationRefused, "revoked"},
		{"wrong password", "ada:nonsense", "/ada/x", NewRepository{}, rehome.DestinationRefused, "revoked"},
		{"token for reading", weak, "/ada/x", NewRepository{}, rehome.DestinationRefused, "scope"},
		{"token without an organisation's scope", repositories, "/engines/x", NewRepository{}, rehome.DestinationRefused, "write:organization"},
		{"no such organisation", whole, "/nowhere/x", NewRepository{}, rehome.DestinationMissing, "organisation nowhere"},
		{"somebody else's", whole, "/eve/x", NewRepository{}, rehome.DestinationMissing, "organisation eve"},
		{"a name it does not take", whole, "/ada/..x%20y", NewRepository{}, rehome.DestinationRefused, "another name"},
	} {
		s := find(t, f, locate(t, g.URL, c.sign, c.path))
		err := f.Create(t.Context(), s, c.r)
		if c.code == "" && err != nil || c.code != "" && rehome.CodeOf(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if e := rehome.AsError(err); err != nil {
			t.Logf("%s: %s %s", c.name, e.Message, e.Hint)
			if !strings.Contains(e.Message+e.Hint, c.want) || strings.Contains(e.Message+e.Hint, "nonsense") {
				t.Errorf("%s: %s %s", c.name, e.Message, e.Hint)
			}
			continue
		}
		var is struct {
			Private       bool   `json:"private"`
			Empty         bool   `json:"empty"`
			DefaultBranch string `json:"default_branch"`
			Format        string `json:"object_format_name"`
		}
		g.Call(t, http.MethodGet, "/repos/"+s.full(), nil, &is)
		if is.Private == (c.r.Visibility == rehome.Public) || !is.Empty || is.Format != c.r.Format.String() || c.r.DefaultBranch != "" && is.DefaultBranch != c.r.DefaultBranch {
			t.Errorf("%s: made as %+v", c.name, is)
		}
	}
	s := find(t, f, locate(t, g.URL, whole, "/ada/sha256"))
	if err := f.Create(t.Context(), s, NewRepository{Format: object.SHA256}); err != nil && rehome.CodeOf(err) != rehome.DestinationRefused { // a forge with an old git
		t.Errorf("sha256: %v", err)
	}
	if s := find(t, f, locate(t, g.URL, eve.Name+":"+g.NewToken(t, eve, "all"), "/ada/one")); rehome.CodeOf(f.Create(t.Context(), s, NewRepository{})) != rehome.DestinationMissing {
		t.Error("a stranger made a repository of Ada's")
	}
}

func TestForgeSetDefaultBranchAndWords(t *testing.T) {
	g := testenv.NewGitea(t)
	f := New(Options{Client: forges(t).o.Client})
	ada := g.User(t, "ada")
	token := g.NewToken(t, ada, "all")
	g.Repository(t, "ada", "r")
	l := locate(t, g.URL, token, "/ada/r.git")
	s := find(t, f, l)

	dir := t.TempDir()
	testenv.Git(t, dir, "init", "-q", "-b", "main", ".")
	commit := func(message string) {
		testenv.Git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	}
	signed := strings.Replace(g.URL, "://", "://"+token+"@", 1) + "/ada/r.git"
	push := func(refs ...string) error {
		_, err := testenv.Run(t.Context(), dir, nil, append([]string{"push", "-q", signed}, refs...)...)
		return err
	}
	commit("one")
	if err := push("main", "main:trunk"); err != nil {
		t.Fatal(err)
	}
	if err := f.SetDefaultBranch(t.Context(), s, "trunk"); err != nil {
		t.Error(err)
	}
	if head := testenv.Git(t, dir, "ls-remote", "--symref", signed, "HEAD"); !strings.HasPrefix(head, "ref: refs/heads/trunk\t") {
		t.Errorf("HEAD is %q", head)
	}
	if err := f.SetDefaultBranch(t.Context(), s, "nowhere"); rehome.CodeOf(err) != rehome.DestinationRefused {
		t.Errorf("a branch that is not there: %v", err)
	} else {
		t.Log(rehome.AsError(err).Message, rehome.AsError(err).Hint)
	}
	weak := find(t, f, locate(t, g.URL, g.NewToken(t, ada, "read:repository"), "/ada/r.git"))
	if err := f.SetDefaultBranch(t.Context(), weak, "main"); rehome.CodeOf(err) != rehome.DestinationRefused {
		t.Errorf("a token for reading: %v", err)
	}
	if err := f.SetDefaultBranch(t.Context(), find(t, f, locate(t, g.URL, token, "/ada/none")), "main"); rehome.CodeOf(err) != rehome.DestinationMissing {
		t.Errorf("no repository: %v", err)
	}
	if err := f.Create(t.Context(), s, NewRepository{}); rehome.CodeOf(err) != rehome.DestinationMoved {
		t.Errorf("made again, with commits in it: %v", err)
	}

	g.Protect(t, "ada", "r", "main")
	commit("two")
	wantHint(t, push("main"), "Unprotect")
	g.Unprotect(t, "ada", "r", "main")
	if err := push("main"); err != nil {
		t.Errorf("unprotected again: %v", err)
	}
	g.Edit(t, "ada", "r", map[string]any{"archived": true})
	commit("three")
	wantHint(t, push("main"), "unarchive")
}

func wantHint(t *testing.T, refused error, want string) {
	t.Helper()
	if refused == nil {
		t.Error("the push was taken")
		return
	}
	if got := Hint(Gitea, refused.Error()); !strings.Contains(got, want) {
		t.Errorf("%v: got the hint %q, want %q", refused, got, want)
	}
}
