package testenv

import (
	"path/filepath"
	"strings"
	"testing"
)

// The judge: git itself finds the fixtures sound and clones them from the server.
func TestServeGitClones(t *testing.T) {
	root := t.TempDir()
	Rich(t, filepath.Join(root, "rich.git"), "sha1")
	Rich(t, filepath.Join(root, "rich256.git"), "sha256")
	Empty(t, filepath.Join(root, "empty.git"), "sha1")
	Synthetic(t, filepath.Join(root, "many.git"), "sha1", Size{Commits: 300})
	Shallow(t, filepath.Join(root, "many.git"), filepath.Join(root, "shallow.git"))
	for _, protocol := range []string{"", "v0", "v1", "v2"} {
		base := ServeGit(t, root, Options{Protocol: protocol})
		for _, name := range []string{"rich.git", "rich256.git", "empty.git", "many.git", "shallow.git"} {
			clone := filepath.Join(t.TempDir(), "clone")
			Git(t, root, "-c", "transfer.fsckObjects=false", "clone", "-q", "--mirror", base+"/"+name, clone)
			got, want := ShowRefs(t, clone), ShowRefs(t, filepath.Join(root, name))
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("%s %s: refs differ:\n%q\n%q", protocol, name, got, want)
			}
		}
	}
	Git(t, filepath.Join(root, "rich.git"), "fsck", "--full")
}

// The ids are the same on every machine and with every git.
func TestFixturesAreDeterministic(t *testing.T) {
	for _, c := range []struct{ format, want string }{
		{"sha1", "3fec0cfcb52c752bf9a9ca5c4d414c8bce162548"},
		{"sha256", "5077287805bf96e69446186a113192655635713f764f17f1e425452b620c8698"},
	} {
		dir := filepath.Join(t.TempDir(), "r.git")
		Rich(t, dir, c.format)
		if got := Git(t, dir, "rev-parse", "refs/tags/nested"); got != c.want {
			t.Errorf("%s: nested is %s, want %s", c.format, got, c.want)
		}
	}
}

func TestCutAfter(t *testing.T) {
	root := t.TempDir()
	Synthetic(t, filepath.Join(root, "r.git"), "sha1", Size{Commits: 50})
	s := NewServer(t, root, Options{CutAfter: 5000})
	if _, err := Run(t.Context(), root, nil, "clone", "-q", "--mirror", s.URL+"/r.git", "clone"); err == nil {
		t.Error("a cut clone went through")
	}
	if s.Sent() < 5000 {
		t.Errorf("sent %d bytes", s.Sent())
	}
}
