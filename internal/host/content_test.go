package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// withFile returns a history of eight commits in which the file big holds what is given: it comes with
// the third commit and is gone in the sixth. Commits from the second on have the mail.
func withFile(t *testing.T, f object.Format, mail, big string) generation {
	t.Helper()
	var s strings.Builder
	for i := range 8 {
		who := "same@example.com"
		if i > 0 {
			who = mail
		}
		fmt.Fprintf(&s, "commit refs/heads/trunk\ncommitter Somebody <%s> %d +0000\ndata 2\n%d\nM 100644 inline sub/file%d\ndata 2\n%d\n",
			who, 1700000000+i, i, i, i)
		switch i {
		case 2:
			fmt.Fprintf(&s, "M 100644 inline big/file\ndata %d\n%s\n", len(big), big)
		case 5:
			s.WriteString("D big/file\n")
		}
		s.WriteByte('\n')
	}
	return onShelf(f.String()+" file "+mail, func(dir string) generation { return fromStream(t, f, s.String(), dir) })
}

// converted returns a home where a is published, and two histories with other files in place of its large one.
func converted(t *testing.T, f object.Format) (hm *home, a, b, c generation, big string) {
	t.Helper()
	hm = newHome(t)
	hm.quiet = 100 * time.Millisecond
	a, b, c = withFile(t, f, "a@example.com", "large\n"), withFile(t, f, "b@example.com", "pointer\n"), withFile(t, f, "c@example.com", "other\n")
	hm.create(7, object.SHA1)
	if err := hm.become(a); err != nil {
		t.Fatal(err)
	}
	return hm, a, b, c, testenv.Git(t, a.Dir(), "rev-parse", "trunk~5:big/file")
}

// hasPack reports whether the repository has a pack, or any part of it.
func (hm *home) hasPack(name string) bool {
	found, _ := filepath.Glob(filepath.Join(hm.path(7), "objects/pack", name+".*"))
	return len(found) > 0
}

func (hm *home) expectPacks(when string, g generation, history, content bool) {
	hm.t.Helper()
	if got := [2]bool{hm.hasPack(g.history), hm.hasPack(g.content)}; got != [2]bool{history, content} {
		hm.t.Errorf("%s: history and content are there: %v, want %v %v", when, got, history, content)
	}
}

// TestConvertedFilesGo publishes a history without a file, and the old one again.
func TestConvertedFilesGo(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm, a, b, c, big := converted(t, f)
			hm.expect("raw", big, true)
			hm.mustBecome(b, a)
			hm.expect("converted", big, false)
			hm.expect("converted", a.tip, false)
			hm.mustBecome(a)
			hm.expect("undone", big, true)
			hm.expectPacks("undone", b, false, false)
			hm.mustBecome(c, b, a)
			hm.expectPacks("converted anew", a, false, false)
			hm.clones()
			if kept, err := hm.KeptFor(t.Context(), 7); err != nil || kept != nil {
				t.Errorf("kept for %q, %v", kept, err)
			}
		})
	}
}

func TestUsersRefsKeepContent(t *testing.T) {
	tree := func(t *testing.T, dir, big string) string {
		return testenv.GitIn(t, dir, strings.NewReader("100644 blob "+big+"\tkept\n"), "mktree")
	}
	own := func(t *testing.T, dir, tree string, more ...string) string {
		return testenv.Git(t, dir, append([]string{"commit-tree", "-m", "own", tree}, more...)...)
	}
	tests := []struct {
		name             string
		ref              func(t *testing.T, dir, big string) string // makes something in a clone and returns what is pushed
		history, content bool                                       // what stays
	}{
		{"old tip, whose history had the file", func(*testing.T, string, string) string { return "HEAD:refs/heads/mine" }, true, true},
		{"old commit with the file", func(*testing.T, string, string) string { return "HEAD~4:refs/heads/mine" }, true, true},
		{"old commit before the file came", func(*testing.T, string, string) string { return "HEAD~6:refs/heads/mine" }, true, false},
		{"unchanged commit", func(*testing.T, string, string) string { return "HEAD~7:refs/heads/mine" }, false, false},
		{"own commits on the old tip", func(t *testing.T, dir, _ string) string {
			commit(t, dir, "one", []byte("1"))
			return commit(t, dir, "two", []byte("2")) + ":refs/heads/mine"
		}, true, true},
		{"unrelated commit without the file", func(t *testing.T, dir, _ string) string {
			return own(t, dir, "HEAD^{tree}") + ":refs/heads/mine"
		}, false, false},
		{"unrelated commit of an old tree with the file", func(t *testing.T, dir, _ string) string {
			return own(t, dir, "HEAD~4^{tree}") + ":refs/heads/mine"
		}, false, true},
		{"own tree with the file, on an unchanged commit", func(t *testing.T, dir, big string) string {
			return own(t, dir, tree(t, dir, big), "-p", "HEAD~7") + ":refs/heads/mine"
		}, false, true},
		{"own tree without it", func(t *testing.T, dir, _ string) string {
			return own(t, dir, tree(t, dir, testenv.Git(t, dir, "rev-parse", "HEAD:sub/file0")), "-p", "HEAD~7") + ":refs/heads/mine"
		}, false, false},
		{"tag of the file", func(_ *testing.T, _, big string) string { return big + ":refs/tags/mine" }, false, true},
		{"annotated tag of its folder", func(t *testing.T, dir, _ string) string {
			testenv.Git(t, dir, "tag", "-a", "-m", "mine", "mine", "HEAD~4:big")
			return "refs/tags/mine"
		}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hm, a, b, c, big := converted(t, object.SHA1)
			dir := hm.worktree(7)
			pushed := tt.ref(t, dir, big)
			testenv.Git(t, dir, "push", "-q", "origin", pushed)
			name := pushed[strings.LastIndex(pushed, ":")+1:]
			hm.mustBecome(b, a)
			hm.expectPacks("converted", a, tt.history, tt.content)
			hm.expect("converted", big, tt.content)
			kept, err := hm.KeptFor(t.Context(), 7)
			var want []string
			if tt.history || tt.content {
				want = []string{name}
			}
			if err != nil || !slices.Equal(kept, want) {
				t.Errorf("kept for %q, %v; want %q", kept, err, want)
			}
			hm.mustBecome(c, b, a)
			hm.expectPacks("converted anew", a, tt.history, tt.content)
			hm.expectPacks("converted anew", b, false, false)
			testenv.Git(t, dir, "push", "-q", "origin", ":"+name)
			hm.expectPacks("without the ref", a, false, false)
			hm.expect("without the ref", big, false)
			hm.sound()
		})
	}
}

// TestCrashesWithContent leaves off in the middle of a publication that brings other content.
func TestCrashesWithContent(t *testing.T) {
	pack := func(r *repo.Repo, file string) string { return filepath.Join(r.Dir(), "objects/pack", file) }
	tests := []struct {
		name  string
		crash func(e *entry, r *repo.Repo, b, a generation) error
		stays bool // a, with its refs
	}{
		{"noted", func(e *entry, r *repo.Repo, b, a generation) error {
			return e.supersede(r, Publication{From: b.Repo, History: []string{b.history}, Content: []string{b.content}})
		}, true},
		{"linked in part", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(e.supersede(r, Publication{From: b.Repo, History: []string{b.history}, Content: []string{b.content}}), r.Link(b.Repo), r.RemovePack(b.history))
		}, true},
		{"linked", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(e.supersede(r, Publication{From: b.Repo, History: []string{b.history}, Content: []string{b.content}}), r.Link(b.Repo))
		}, true},
		{"moved", func(e *entry, r *repo.Repo, b, a generation) error { return moveTo(e, r, b, a) }, false},
		{"half removed", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(moveTo(e, r, b, a), r.RemovePack(a.history), os.Remove(pack(r, a.content+".idx")))
		}, false},
		{"content removed first", func(e *entry, r *repo.Repo, b, a generation) error {
			return errors.Join(moveTo(e, r, b, a), r.RemovePack(a.content))
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hm, a, b, c, big := converted(t, object.SHA1)
			r, err := hm.open(7)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.crash(&entry{}, r, b, a); err != nil {
				t.Fatal(err)
			}
			next, err := New(Options{Dir: hm.o.Dir, Log: testLog(t)})
			if err != nil {
				t.Fatal(err)
			}
			if err := next.Close(); err != nil {
				t.Fatal(err)
			}
			hm.sound()
			hm.expect("after the start", big, tt.stays)
			hm.mustBecome(b, a)
			hm.expect("published", big, false)
			hm.mustBecome(a, b)
			hm.mustBecome(c, a)
			hm.expectPacks("in the end", a, false, false)
			hm.expectPacks("in the end", b, false, false)
		})
	}
}

// TestNotesFromBefore publishes where content was not noted yet.
func TestNotesFromBefore(t *testing.T) {
	hm, a, b, _, big := converted(t, object.SHA1)
	if err := os.WriteFile(filepath.Join(hm.path(7), packsFile), []byte(`{"history":"`+a.history+`","superseded":null}`), 0o666); err != nil {
		t.Fatal(err)
	}
	hm.mustBecome(b, a)
	hm.expect("converted", big, false)
	hm.expectPacks("converted", a, false, false)
}

// TestDamagedNotesKeepContent publishes where nobody knows any more what was superseded: content goes when
// a publication names it, and only then.
func TestDamagedNotesKeepContent(t *testing.T) {
	hm, a, b, c, big := converted(t, object.SHA1)
	damage := func() {
		if err := os.WriteFile(filepath.Join(hm.path(7), packsFile), []byte(`{"content":"pack-1`), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	hm.mustBecome(b)
	hm.expectPacks("not named", a, false, true)
	damage()
	hm.mustBecome(c, a)
	hm.expect("named", big, false)
	hm.expectPacks("named", a, false, false)
	hm.expectPacks("not named", b, false, true)
	hm.clones()
}

// TestContentUnknown publishes with a name that is no pack of what is published.
func TestContentUnknown(t *testing.T) {
	hm, a, b, _, big := converted(t, object.SHA1)
	b.content = a.content
	if err := hm.become(b, a); err == nil {
		t.Error("published")
	}
	hm.sound()
	hm.expect("refused", big, true)
}

// TestCloneKeepsContent converts while somebody clones: what they were promised stays until they leave.
func TestCloneKeepsContent(t *testing.T) {
	hm, a, b, _, big := converted(t, object.SHA1)
	leave := hm.hold()
	if err := hm.become(b, a); err != nil {
		t.Fatal(err)
	}
	hm.expect("one is in", big, true)
	leave()
	for hm.users(7) > 0 {
		time.Sleep(time.Millisecond)
	}
	hm.mustBecome(b, a)
	hm.expect("nobody is in", big, false)
	hm.sound()
}

// TestPushUnderWayKeepsContent converts in the middle of a push whose tree has the large file, which the pusher
// knows to be there.
func TestPushUnderWayKeepsContent(t *testing.T) {
	hm, a, b, c, big := converted(t, object.SHA1)
	dir := hm.worktree(7)
	testenv.Git(t, dir, "checkout", "-q", "HEAD~4")
	id := commit(t, dir, "mine", noise(1<<20))
	hm.pushAround(dir, id, a.tip, func() {
		if err := hm.become(b, a); err != nil {
			t.Error(err)
		}
	})
	hm.sound()
	hm.expect("pushed", big, true)
	hm.mustBecome(c, b)
	hm.expectPacks("pushed", a, true, true)
	hm.expectPacks("pushed", b, false, false)
	testenv.Git(t, dir, "push", "-q", "origin", ":mine")
	hm.expectPacks("deleted", a, false, false)
}

// TestOptIn publishes what rewrite makes of large files, there and back, beside somebody's branch on the old history.
func TestOptIn(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm := newHome(t)
			hm.quiet = 100 * time.Millisecond
			hm.create(7, object.SHA1)
			a := withFile(t, f, "large@example.com", strings.Repeat("large\n", 100))
			if err := hm.become(a); err != nil {
				t.Fatal(err)
			}
			big := testenv.Git(t, a.Dir(), "rev-parse", "trunk~5:big/file")
			b := pointed(t, a)
			dir := hm.worktree(7)
			id := commit(t, dir, "mine", []byte("mine"))
			testenv.Git(t, dir, "push", "-q", "origin", id+":refs/heads/mine")
			hm.mustBecome(b, a)
			hm.expect("with a branch on the old history", big, true)
			testenv.Git(t, dir, "push", "-q", "origin", ":mine")
			hm.expect("without", big, false)
			hm.expectPacks("without", a, false, false)
			hm.sound()
			hm.clones()
			hm.mustBecome(a, b)
			hm.expect("undone", big, true)
			hm.expectPacks("undone", b, false, false)
		})
	}
}

// pointed makes the large files of a generation Git LFS files.
func pointed(t *testing.T, a generation) generation {
	t.Helper()
	into, err := repo.Init(filepath.Join(t.TempDir(), "into.git"), a.Format())
	if err != nil {
		t.Fatal(err)
	}
	objects, err := lfs.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	refs, err := a.Refs()
	if err != nil {
		t.Fatal(err)
	}
	got, err := rewrite.Run(t.Context(), rewrite.Options{
		From: a.Repo, Refs: refs, Into: into, Store: objects,
		Plan: rewrite.Plan{Large: rewrite.LargeFiles{Choice: rehome.LFSOptIn, Over: 100}},
	})
	if err != nil {
		t.Fatal(err)
	}
	g := generation{Repo: into, history: got.Pack, content: got.Content}
	var updates []repo.Update
	for _, r := range got.Refs {
		updates = append(updates, repo.Update{Name: r.Name, New: r.Final})
		if r.Name == "refs/heads/trunk" {
			g.tip = r.Final.String()
		}
	}
	if err := into.Update(updates); err != nil {
		t.Fatal(err)
	}
	return g
}
