package importer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

// asGitSays counts who did what by git log and git for-each-ref.
func asGitSays(t *testing.T, dir string) map[rehome.Identity]rehome.Contributor {
	t.Helper()
	all := map[rehome.Identity]rehome.Contributor{}
	see := func(name, mail, date string, commits int64) {
		id := rehome.Identity{Name: name, Mail: mail}
		c, ok := all[id]
		if !ok {
			c = rehome.NewContributor(id)
		}
		c.Commits += commits
		if s, err := strconv.ParseInt(date, 10, 64); err == nil {
			at := time.Unix(s, 0).UTC()
			if c.First == nil || at.Before(*c.First) {
				c.First = &at
			}
			if c.Last == nil || at.After(*c.Last) {
				c.Last = &at
			}
		}
		all[id] = c
	}
	carried := []string{"log", "--branches", "--tags", "--glob=refs/notes", "--glob=refs/custom", "--encoding=none", "--format=%an%x01%ae%x01%at%x01%cn%x01%ce%x01%ct"}
	for line := range strings.SplitSeq(testenv.Git(t, dir, carried...), "\n") {
		f := strings.Split(line, "\x01")
		see(f[0], f[1], f[2], 1)
		see(f[3], f[4], f[5], 0)
	}
	see("Ada Lovelace", "ada@example.com", "1700000300", 0) // the taggers
	see("No Mail", "", "1700000400", 0)
	return all
}

func TestContributors(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		root := t.TempDir()
		from := filepath.Join(root, "r.git")
		richAt(t, from, format)
		want := asGitSays(t, from)
		served, err := remote.Parse("vcs_url", testenv.ServeGit(t, root, testenv.Options{})+"/r.git")
		must(t, err)
		for _, l := range []remote.Location{{Path: from}, served} {
			t.Setenv("TMPDIR", t.TempDir())
			got, err := Contributors(t.Context(), onceSource(t), l, git.LeftByRule)
			must(t, err)
			if len(got) != len(want) || !slices.IsSortedFunc(got, func(a, b rehome.Contributor) int { return int(b.Commits - a.Commits) }) {
				t.Errorf("%s: got %+v", l, got)
			}
			for _, c := range got {
				w := want[c.Identity()]
				if c.Commits != w.Commits || !c.First.Equal(*w.First) || !c.Last.Equal(*w.Last) {
					t.Errorf("%s: got %+v, want %+v", l, c, w)
				}
			}
			wantOnly(t, os.TempDir())
		}
	}
}

// A server that filters leaves out the tree a tag names, too.
func TestContributorsOfATagOfATree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	from := filepath.Join(root, "r.git")
	richAt(t, from, "sha1")
	testenv.Git(t, from, "config", "uploadpack.allowFilter", "true")
	testenv.Git(t, from, "tag", "-a", "-m", "x", "of-a-tree", "refs/tags/a-tree")
	l, err := remote.Parse("vcs_url", testenv.ServeGit(t, root, testenv.Options{})+"/r.git")
	must(t, err)
	got, err := Contributors(t.Context(), onceSource(t), l, git.LeftByRule)
	must(t, err)
	if !slices.ContainsFunc(got, func(c rehome.Contributor) bool { return c.Name == "Charles Babbage" }) {
		t.Errorf("the tagger is missing: %+v", got)
	}
}

// Dates that no calendar holds are none, and loose objects count.
// A repository that cannot be read is not said to be none.
func TestContributorsOfAnUnreadableRepository(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Empty(t, dir, "sha1")
	testenv.Git(t, dir, "config", "extensions.refstorage", "reftable")
	_, err := Contributors(t.Context(), nil, remote.Location{Path: dir}, nil)
	if err == nil || rehome.CodeOf(err) == rehome.NotARepository || !strings.Contains(err.Error(), "reftable") {
		t.Errorf("got %v", err)
	}
	if _, err := Contributors(t.Context(), nil, remote.Location{Path: t.TempDir()}, nil); rehome.CodeOf(err) != rehome.NotARepository {
		t.Errorf("of an empty folder: %v", err)
	}
}

func TestContributorsWithOddDates(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Empty(t, dir, "sha1")
	tree := testenv.GitIn(t, dir, strings.NewReader(""), "mktree")
	commit := "tree " + tree + "\nauthor A <a> 99999999999999999 +0000\ncommitter B <b> 12 +051800\n\nx\n"
	id := testenv.GitIn(t, dir, strings.NewReader(commit), "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	testenv.Git(t, dir, "update-ref", "refs/heads/main", id)
	got, err := Contributors(t.Context(), nil, remote.Location{Path: dir}, git.LeftByRule)
	must(t, err)
	if len(got) != 2 || got[0].Name != "A" || got[0].Commits != 1 || got[0].First != nil || got[1].First == nil || got[1].First.Unix() != 12 {
		t.Errorf("got %+v", got)
	}
}

func TestContributorsOfNothing(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if _, err := Contributors(t.Context(), nil, remote.Location{Path: root}, git.LeftByRule); rehome.CodeOf(err) != rehome.NotARepository {
		t.Errorf("an empty folder: %v", err)
	}
	richAt(t, filepath.Join(root, "deep.git"), "sha1")
	testenv.Shallow(t, filepath.Join(root, "deep.git"), filepath.Join(root, "shallow.git"))
	if _, err := Contributors(t.Context(), nil, remote.Location{Path: filepath.Join(root, "shallow.git")}, git.LeftByRule); rehome.CodeOf(err) != rehome.SourceShallow {
		t.Errorf("a shallow clone: %v", err)
	}
	cut := filepath.Join(root, "cut.git")
	testenv.Empty(t, cut, "sha1")
	tree := testenv.GitIn(t, cut, strings.NewReader(""), "mktree")
	lost := "tree " + tree + "\nparent " + strings.Repeat("1", 40) + "\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n"
	id := testenv.GitIn(t, cut, strings.NewReader(lost), "hash-object", "-t", "commit", "-w", "--stdin")
	testenv.Git(t, cut, "update-ref", "refs/heads/main", id)
	if _, err := Contributors(t.Context(), nil, remote.Location{Path: cut}, git.LeftByRule); rehome.CodeOf(err) != rehome.CorruptObject {
		t.Errorf("a lost parent: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Contributors(ctx, nil, remote.Location{Path: filepath.Join(root, "deep.git")}, git.LeftByRule); err == nil {
		t.Error("it went on after it was stopped")
	}
}
