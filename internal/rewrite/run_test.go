package rewrite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// history is a repository, opened, with the refs that are carried.
type history struct {
	*repo.Repo
	refs []repo.Ref
}

func open(t testing.TB, dir string) history {
	t.Helper()
	r, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	return history{r, slices.DeleteFunc(refs, func(r repo.Ref) bool { return !testenv.Carried(r.Name) })}
}

// into makes a repository that borrows the objects of from.
func into(t testing.TB, from history) *repo.Repo {
	t.Helper()
	to, err := repo.Init(filepath.Join(t.TempDir(), "to.git"), from.Format())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to.Dir(), "objects/info/alternates"), []byte(filepath.Join(from.Dir(), "objects")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// run rewrites from into a repository of its own, with refs.
func run(t testing.TB, from history, p rewrite.Plan) (*repo.Repo, *rewrite.Result) {
	t.Helper()
	to := into(t, from)
	r, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: to, Plan: p, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	var updates []repo.Update
	for _, ref := range r.Refs {
		updates = append(updates, repo.Update{Name: ref.Name, New: ref.Final})
	}
	if err := to.Update(updates); err != nil {
		t.Fatal(err)
	}
	return to, r
}

// compare holds a result against its source, with git's eyes.
func compare(t testing.TB, from history, to *repo.Repo, r *rewrite.Result, p rewrite.Plan) testenv.Compared {
	t.Helper()
	var text bytes.Buffer
	if err := r.WriteMap(&text); err != nil {
		t.Fatal(err)
	}
	commits, err := testenv.ReadCommitMap(text.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]string{}
	for who, becomes := range p.Authors {
		people[who.String()] = becomes.String()
	}
	got, err := testenv.Rewritten{People: people, Commits: commits}.Compare(t.Context(), from.Dir(), to.Dir())
	if err != nil {
		t.Error(err)
	}
	want := testenv.Compared{Commits: r.Commits, CommitsChanged: r.CommitsChanged, TagsChanged: r.TagsChanged, SignaturesDropped: r.SignaturesDropped}
	if got != want {
		t.Errorf("it says %+v, git finds %+v", want, got)
	}
	before := fsck(t, from.Dir())
	for kind := range fsck(t, to.Dir()) {
		if !before[kind] && !aboutPeople(kind) {
			t.Errorf("git fsck finds %s", kind)
		}
	}
	return got
}

func TestRun(t *testing.T) {
	odd := map[rehome.Identity]rehome.Identity{
		{Name: "Ada Lovelace", Mail: "ada@example.com"}: {Name: "Augusta Ada King", Mail: "ada@king.example"},
		{Name: "J\xf6rg", Mail: "joerg@example.com"}:    {Name: "Jörg", Mail: "joerg@example.com"},
		{Name: "", Mail: "nobody"}:                      {Name: "Somebody", Mail: ""},
	}
	for _, format := range []string{"sha1", "sha256"} {
		t.Run("rich "+format, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "from.git")
			testenv.Rich(t, dir, format)
			from, p := open(t, dir), rewrite.Plan{Authors: odd}
			to, r := run(t, from, p)
			compare(t, from, to, r, p)
			if r.CommitsChanged != r.Commits {
				t.Errorf("%d of %d commits changed; the first is Ada's", r.CommitsChanged, r.Commits)
			}
			if got := testenv.Git(t, to.Dir(), "notes", "show", "refs/heads/trunk"); got != "well done" {
				t.Errorf("the note of trunk is %q", got)
			}
			onlyHistory(t, to, r)
		})
		t.Run("a part of a history "+format, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "from.git")
			testenv.Synthetic(t, dir, format, testenv.Size{Commits: 400, Authors: 200})
			from := open(t, dir)
			// Somebody who came late, so that much of the history stays.
			late := testenv.Git(t, dir, "log", "-1", "--format=%an|%ae", "trunk")
			name, mail, _ := strings.Cut(late, "|")
			p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: name, Mail: mail}: {Name: "Late", Mail: "late@example.com"}}}
			to, r := run(t, from, p)
			compare(t, from, to, r, p)
			if r.CommitsChanged == 0 || r.CommitsChanged == r.Commits {
				t.Errorf("%d of %d commits changed", r.CommitsChanged, r.Commits)
			}
			onlyHistory(t, to, r)
		})
	}
}

// onlyHistory checks that the new pack has every commit and tag of the new history, and
// nothing but trees of notes besides.
func onlyHistory(t *testing.T, to *repo.Repo, r *rewrite.Result) {
	t.Helper()
	pack := filepath.Join(to.Dir(), "objects/pack", r.Pack+".idx")
	in := map[string]bool{}
	for line := range strings.Lines(testenv.Git(t, to.Dir(), "verify-pack", "-v", pack)) {
		if f := strings.Fields(line); len(f) >= 5 {
			in[f[0]] = true
			if f[1] == "blob" {
				t.Errorf("%s is a blob", f[0])
			}
		}
	}
	want := strings.Fields(testenv.Git(t, to.Dir(), "rev-list", "--all"))
	for line := range strings.Lines(testenv.Git(t, to.Dir(), "for-each-ref", "--format=%(objecttype) %(objectname)")) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "tag "); ok {
			want = append(want, id)
		}
	}
	for _, id := range want {
		if !in[id] {
			t.Errorf("%s is not in the new pack", id)
		}
	}
}

func TestRunWithoutChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Rich(t, dir, "sha1")
	from := open(t, dir)
	p := rewrite.Plan{
		Authors:  map[rehome.Identity]rehome.Identity{{Name: "ada lovelace", Mail: "ada@example.com"}: {Name: "x", Mail: "y"}},
		Trailers: func(i rehome.Identity) (rehome.Identity, bool) { return i, false },
		Hashes:   true,
	}
	to, r := run(t, from, p)
	compare(t, from, to, r, rewrite.Plan{})
	packs, err := to.PackNames()
	if r.Pack != "" || len(packs) > 0 || err != nil || r.CommitsChanged+r.TagsChanged != 0 {
		t.Errorf("wrote %q, has %q, %v: %+v", r.Pack, packs, err, r)
	}
	for _, ref := range r.Refs {
		if ref.Source != ref.Final || ref.Changed {
			t.Errorf("%+v", ref)
		}
	}
}

// TestCount counts without writing what a real rewrite then changes.
func TestCount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Rich(t, dir, "sha1")
	from := open(t, dir)
	for _, who := range []string{"Ada Lovelace|ada@example.com", "Charles Babbage|charles@example.com", "No Mail|", "Noter|n@example.com"} {
		name, mail, _ := strings.Cut(who, "|")
		p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: name, Mail: mail}: {Name: "New", Mail: "new"}}}
		_, real := run(t, from, p)
		counted, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Plan: p})
		if err != nil {
			t.Fatal(err)
		}
		if counted.CommitsChanged != real.CommitsChanged || counted.TagsChanged != real.TagsChanged || counted.Commits != real.Commits || counted.Pack != "" {
			t.Errorf("%s: counted %+v, changed %+v", who, counted, real)
		}
		for i, ref := range counted.Refs {
			if ref.Changed != (real.Refs[i].Final != real.Refs[i].Source) {
				t.Errorf("%s: %s counted as changed: %v, became %s", who, ref.Name, ref.Changed, real.Refs[i].Final)
			}
		}
	}
}

// TestInPlace puts the new pack beside the old one.
func TestInPlace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 60})
	from := open(t, dir)
	p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Author 1", Mail: "author1@example.com"}: {Name: "One", Mail: "1"}}}
	r, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Into: from.Repo, Refs: from.refs, Plan: p})
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range r.Refs {
		testenv.Git(t, dir, "cat-file", "-e", ref.Final.String())
	}
}

// TestBecomeTheSame rewrites two commits that differ in their author alone into one.
func TestBecomeTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	var s strings.Builder
	for _, branch := range []string{"a", "b"} {
		fmt.Fprintf(&s, "commit refs/heads/%s\nauthor %s <%s> 1 +0000\ncommitter C <c> 1 +0000\ndata 2\nm\nM 100644 inline f\ndata 2\nx\n\n", branch, branch, branch)
	}
	s.WriteString("commit refs/heads/c\nauthor c <c> 1 +0000\ncommitter C <c> 1 +0000\ndata 2\nm\nM 100644 inline f\ndata 2\nx\n\n")
	testenv.FromStream(t, dir, "sha1", s.String())
	testenv.Git(t, dir, "repack", "-adq")
	from := open(t, dir)
	who := func(n string) rehome.Identity { return rehome.Identity{Name: n, Mail: n} }
	p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{who("a"): who("c"), who("b"): who("c")}}
	to, r := run(t, from, p)
	compare(t, from, to, r, p)
	if ids := testenv.ShowRefs(t, to.Dir()); len(ids) != 3 || ids[0][:40] != ids[1][:40] || ids[1][:40] != ids[2][:40] {
		t.Errorf("refs are %q", ids)
	}
	if out := testenv.Git(t, to.Dir(), "verify-pack", "-v", filepath.Join(to.Dir(), "objects/pack", r.Pack+".idx")); strings.Count(out, " commit ") != 1 {
		t.Errorf("the pack holds %s", out)
	}
}

// TestHashesInMessages renames commits that are named in messages of other branches, before
// and after them.
func TestHashesInMessages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	var s strings.Builder
	commit := func(branch, message string) string {
		s.Reset()
		fmt.Fprintf(&s, "commit refs/heads/%s\nauthor Old <old@x> 1 +0000\ncommitter C <c> 1 +0000\ndata %d\n%s\nM 100644 inline %s\ndata 2\nx\n\n", branch, len(message), message, branch)
		testenv.GitIn(t, dir, strings.NewReader(s.String()), "fast-import", "--quiet")
		return testenv.Git(t, dir, "rev-parse", branch)
	}
	testenv.Empty(t, dir, "sha1")
	ids := []string{commit("b0", "first")}
	for i := 1; i < 12; i++ {
		ids = append(ids, commit(fmt.Sprintf("b%d", i), fmt.Sprintf("see %s and %s", ids[i-1], ids[i/2][:12])))
	}
	testenv.Git(t, dir, "repack", "-adq")
	testenv.Git(t, dir, "pack-refs", "--all")
	to, _ := run(t, open(t, dir), rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Old", Mail: "old@x"}: {Name: "New", Mail: "n"}}, Hashes: true})
	for i := 1; i < 12; i++ {
		want := fmt.Sprintf("see %s and %s", testenv.Git(t, to.Dir(), "rev-parse", fmt.Sprintf("b%d", i-1)), testenv.Git(t, to.Dir(), "rev-parse", fmt.Sprintf("b%d", i/2))[:12])
		if got := testenv.Git(t, to.Dir(), "log", "-1", "--format=%B", fmt.Sprintf("b%d", i)); got != want {
			t.Errorf("b%d says %q, want %q", i, got, want)
		}
	}
}

// TestNotes rewrites notes whose tree has folders, whose refs were merged, and a file that is no note.
func TestNotes(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		dir := filepath.Join(t.TempDir(), "from.git")
		testenv.Synthetic(t, dir, format, testenv.Size{Commits: 400, Files: 5, Lines: 3, Authors: 3})
		commits := strings.Fields(testenv.Git(t, dir, "rev-list", "--all"))
		subjects := strings.Split(testenv.GitIn(t, dir, strings.NewReader(strings.Join(commits, "\n")), "log", "--stdin", "--no-walk=unsorted", "--format=%s"), "\n")
		note := func(from, to int, remove bool) {
			var s strings.Builder
			fmt.Fprintf(&s, "commit refs/notes/review\ncommitter Author 1 <author1@example.com> %d +0000\ndata 0\n", 1700000000+from)
			if from > 0 {
				s.WriteString("from refs/notes/review^0\n")
			} else {
				s.WriteString("M 100644 inline no-note.txt\ndata 2\nx\n")
			}
			for i := from; i < to; i++ {
				if remove {
					fmt.Fprintf(&s, "N %s %s\n", strings.Repeat("0", len(commits[i])), commits[i])
				} else {
					text := "note on " + subjects[i]
					fmt.Fprintf(&s, "N inline %s\ndata %d\n%s\n", commits[i], len(text), text)
				}
			}
			testenv.GitIn(t, dir, strings.NewReader(s.String()), "fast-import", "--quiet")
		}
		note(0, 50, false)
		note(50, 340, false) // folders from here on
		note(20, 40, true)
		testenv.Git(t, dir, "repack", "-adq")
		testenv.Git(t, dir, "pack-refs", "--all")
		from := open(t, dir)
		p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Author 1", Mail: "author1@example.com"}: {Name: "One", Mail: "1"}}}
		to, r := run(t, from, p)
		compare(t, from, to, r, p)
		for i := 0; i < 340; i += 13 {
			id, _ := object.ParseID(commits[i])
			now, ok := r.New(id)
			got, err := testenv.Run(t.Context(), to.Dir(), nil, "notes", "--ref=review", "show", now.String())
			removed := i >= 20 && i < 40
			if !ok || !removed && got != "note on "+subjects[i] || removed && err == nil {
				t.Fatalf("%s: note %d of %s, now %s: %q, %v", format, i, id, now, got, err)
			}
		}
		if got := testenv.Git(t, to.Dir(), "show", "refs/notes/review:no-note.txt"); got != "x" {
			t.Errorf("the file beside the notes is %q", got)
		}
		if got := len(strings.Fields(testenv.Git(t, to.Dir(), "notes", "--ref=review", "list"))); got != 2*320 {
			t.Errorf("%d words of notes, want 640", got)
		}
	}
}

// TestNotesWithoutEnd refuses a few small trees that stand for more notes than can be: each names
// the next one 256 times. They do no harm when nothing changes that a note could be on.
func TestNotesWithoutEnd(t *testing.T) {
	for _, leaf := range []string{"blob", "tree"} {
		dir := filepath.Join(t.TempDir(), "from.git")
		testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 20, Authors: 3})
		mode, kind := map[string]string{"blob": "100644", "tree": "040000"}[leaf], leaf
		id := testenv.GitIn(t, dir, strings.NewReader(""), "hash-object", "-w", "--stdin", "-t", leaf)
		for range 20 {
			var s strings.Builder
			for i := range 256 {
				fmt.Fprintf(&s, "%s %s %s\t%02x\n", mode, kind, id, i)
			}
			id, mode, kind = testenv.GitIn(t, dir, strings.NewReader(s.String()), "mktree"), "040000", "tree"
		}
		testenv.Git(t, dir, "update-ref", "refs/notes/bomb", testenv.Git(t, dir, "commit-tree", "-m", "m", id))
		testenv.Git(t, dir, "repack", "-adq")
		from := open(t, dir)
		p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Author 1", Mail: "author1@example.com"}: {Name: "One", Mail: "1"}}}
		if _, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: into(t, from), Plan: p}); rehome.CodeOf(err) != rehome.LimitPassed {
			t.Errorf("of %ss: %v", leaf, err)
		}
		if _, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: into(t, from)}); err != nil {
			t.Error(err)
		}
	}
}

func TestStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 100})
	from := open(t, dir)
	to := into(t, from)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Author 1", Mail: "author1@example.com"}: {Name: "One", Mail: "1"}}}
	if _, err := rewrite.Run(ctx, rewrite.Options{From: from.Repo, Into: to, Refs: from.refs, Plan: p}); !errors.Is(err, enough) {
		t.Errorf("Run ends with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(to.Dir(), "objects", "*", "*")); len(left) != 1 { // info/alternates
		t.Errorf("it left %q", left)
	}
}

func BenchmarkRun(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "from.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 5000})
	from := open(b, dir)
	p := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "Author 1", Mail: "author1@example.com"}: {Name: "One", Mail: "1"}}}
	b.ReportAllocs()
	for b.Loop() {
		run(b, from, p)
	}
}
