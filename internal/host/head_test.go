package host

import (
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

func TestSetBranch(t *testing.T) {
	hm := newHome(t)
	dir := filepath.Join(t.TempDir(), "old.git")
	testenv.Rich(t, dir, "sha1")
	if err := hm.Create(t.Context(), 8, object.SHA1); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "push", "-q", hm.path(8), "HEAD:refs/heads/one/two", "HEAD:refs/rehome/hidden", "HEAD:refs/tags/three")
	for branch, want := range map[string]rehome.Code{
		"one/two": "", "one": rehome.Invalid, "three": rehome.Invalid, "../rehome/hidden": rehome.Invalid, "refs/heads/one/two": rehome.Invalid, "": rehome.Invalid, "a\nb": rehome.Invalid,
	} {
		if err := hm.SetBranch(t.Context(), 8, branch); (err != nil) != (want != "") || err != nil && rehome.CodeOf(err) != want {
			t.Errorf("%q: %v, want %q", branch, err, want)
		}
	}
	r, err := repo.Open(hm.path(8))
	if err != nil {
		t.Fatal(err)
	}
	if head, err := r.Head(); err != nil || head != "refs/heads/one/two" {
		t.Errorf("HEAD names %q, %v", head, err)
	}
	if err := hm.SetBranch(t.Context(), 9, "main"); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("no repository: %v", err)
	}
}
