package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/submodule"
	"rehome/internal/testenv"
)

// TestFollowSubmodules has another plan wanted once for each set of commit maps, also where a process ended before it
// was noted, and a tree that a ref names counts as a change.
func TestFollowSubmodules(t *testing.T) {
	t.Parallel()
	old := strings.Repeat("1", 40)
	follow := func(m *Importer, became string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "map")
		must(t, os.WriteFile(file, fmt.Appendf(nil, "%-40s new\n%s %s\n", "old", old, strings.Repeat(became, 40)), 0o600))
		moved, err := submodule.Open("/s/app", "/d/app", []submodule.Repository{{Source: "/s/lib", Destination: "/d/lib", Map: file}})
		must(t, err)
		m.Submodules = moved
	}
	root := t.TempDir()
	from := filepath.Join(root, "old.git")
	testenv.FromStream(t, from, "sha1", "commit refs/heads/trunk\ncommitter A <a@x> 1700000000 +0000\ndata 5\nwork\nM 160000 "+old+" d/lib\n\n")
	testenv.Git(t, from, "update-ref", "refs/tags/tree", "refs/heads/trunk^{tree}")
	w := newWorld(t)
	r := w.repository("new")
	if err := w.FollowSubmodules(t.Context(), r.ID); err != nil {
		t.Errorf("nothing to follow: %v", err)
	}
	follow(w.Importer, "a")
	if err := w.FollowSubmodules(t.Context(), r.ID); rehome.CodeOf(err) != rehome.NotFound {
		t.Errorf("without an import: %v", err)
	}
	_, err := w.Start(t.Context(), r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	must(t, err)
	must(t, w.FollowSubmodules(t.Context(), r.ID))
	w.work()
	wantLib := func(digit string) {
		t.Helper()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		for _, rev := range []string{"refs/heads/trunk:d/lib", "refs/tags/tree:d/lib"} {
			if got := testenv.Git(t, w.hosted(r), "rev-parse", rev); got != strings.Repeat(digit, 40) {
				t.Errorf("%s is %s, want %s…", rev, got, digit)
			}
		}
	}
	wantLib("a")
	must(t, w.FollowSubmodules(t.Context(), r.ID))
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	follow(w.Importer, "b")
	must(t, w.FollowSubmodules(t.Context(), r.ID))
	wantStatus(t, w.get(r), rehome.Mapping, "", "")
	must(t, os.Remove(w.Folder.submodulesKey()))
	must(t, w.FollowSubmodules(t.Context(), r.ID))
	w.work()
	wantLib("b")
	w.Submodules = nil
	must(t, w.FollowSubmodules(t.Context(), r.ID))
	w.work()
	wantLib("1")
}
