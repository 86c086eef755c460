package carry_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome"
	"rehome/internal/carry"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/mailmap"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

const authors = "Ada King <ada@new.example> <ada@example.com>\nCharles B. <charles@new.example> <charles@example.com>\n"

// move is a repository that has moved: the old one, the new one and the map between them.
type move struct {
	t          *testing.T
	old, fresh string // folders
	commits    []byte // the map
}

// moved makes Rich and rewrites it; the oldest commits keep their ids.
func moved(t *testing.T, format string) *move {
	t.Helper()
	m := &move{t: t, old: filepath.Join(t.TempDir(), "old.git"), fresh: filepath.Join(t.TempDir(), "new.git")}
	testenv.Rich(t, m.old, format)
	testenv.Git(t, m.old, "update-ref", "-d", "refs/replace/"+testenv.Git(t, m.old, "rev-parse", "trunk"))
	m.rewrite(authors)
	return m
}

func (m *move) rewrite(mapText string) {
	m.t.Helper()
	from, err := repo.Open(m.old)
	if err != nil {
		m.t.Fatal(err)
	}
	into, err := repo.Init(m.fresh, from.Format())
	if err != nil {
		m.t.Fatal(err)
	}
	refs, err := from.Refs()
	if err != nil {
		m.t.Fatal(err)
	}
	who, err := mailmap.Parse([]byte(mapText))
	if err != nil {
		m.t.Fatal(err)
	}
	plan := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{}}
	for _, id := range []rehome.Identity{{Name: "Ada Lovelace", Mail: "ada@example.com"}, {Name: "Charles Babbage", Mail: "charles@example.com"}} {
		if to, ok := who.Lookup(id); ok {
			plan.Authors[id] = to
		}
	}
	got, err := rewrite.Run(m.t.Context(), rewrite.Options{From: from, Refs: refs, Into: into, Plan: plan})
	if err != nil {
		m.t.Fatal(err)
	}
	var text bytes.Buffer
	if err := got.WriteMap(&text); err != nil {
		m.t.Fatal(err)
	}
	m.commits = text.Bytes()
	if err := into.Link(from); err != nil {
		m.t.Fatal(err)
	}
	var updates []repo.Update
	for _, ref := range got.Refs {
		updates = append(updates, repo.Update{Name: ref.Name, New: ref.Final})
	}
	if err := into.Update(updates); err != nil {
		m.t.Fatal(err)
	}
}

// clone clones the old repository, and fetches the new history on request.
func (m *move) clone(fetch bool, args ...string) string {
	m.t.Helper()
	dir := filepath.Join(m.t.TempDir(), "clone")
	testenv.Git(m.t, m.t.TempDir(), append(append([]string{"clone", "-q"}, args...), "file://"+m.old, dir)...)
	if fetch {
		m.fetch(dir)
	}
	return dir
}

func (m *move) fetch(dir string) {
	m.t.Helper()
	testenv.Git(m.t, dir, "fetch", "-q", "file://"+m.fresh, "refs/heads/*:refs/remotes/new/*")
}

// carry runs carry in a clone.
func (m *move) carry(dir string, change func(*carry.Options)) *carry.Result {
	m.t.Helper()
	got, err := m.try(dir, change)
	if err != nil {
		m.t.Fatal(err)
	}
	return got
}

func (m *move) try(dir string, change func(*carry.Options)) (*carry.Result, error) {
	m.t.Helper()
	clone, err := repo.OpenClone(dir)
	if err != nil {
		m.t.Fatal(err)
	}
	o := carry.Options{Clone: clone}
	if o.Commits, err = carry.ReadMap(bytes.NewReader(m.commits)); err != nil {
		m.t.Fatal(err)
	}
	if change != nil {
		change(&o)
	}
	return carry.Run(m.t.Context(), o)
}

// mapPeople makes carry apply the map that the import had.
func mapPeople(t *testing.T) func(*carry.Options) {
	t.Helper()
	who, err := mailmap.Parse([]byte(authors))
	if err != nil {
		t.Fatal(err)
	}
	return func(o *carry.Options) { o.Authors, o.Trailers = who, true }
}

// outcomes returns what became of each ref: its outcome, and the commits made anew or the reason.
func outcomes(got *carry.Result) map[string]string {
	words := map[carry.Outcome]string{carry.Stays: "stays", carry.Arrived: "arrived", carry.Moved: "moved", carry.Refused: "refused", carry.Apart: "apart"}
	all := map[string]string{}
	for _, ref := range got.Refs {
		all[ref.Name] = words[ref.Outcome]
		if ref.Outcome == carry.Moved {
			all[ref.Name] += " " + strings.Repeat("+", ref.Remade)
		}
		if ref.Why != "" {
			all[ref.Name] += ": " + ref.Why
		}
	}
	return all
}

func commit(t *testing.T, dir, file, content, message string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "add", file)
	testenv.Git(t, dir, "commit", "-q", "-m", message)
	return testenv.Git(t, dir, "rev-parse", "HEAD")
}

// people returns who made the commits from base to tip, and with what message.
func people(t *testing.T, dir, revisions string) string {
	t.Helper()
	return testenv.Git(t, dir, "log", "--reverse", "--format=%an <%ae> %ad, %cn <%ce> %cd: %s%n%b%T", revisions)
}

// TestBranches carries what a developer may have: git's word is that only parents and people differ.
func TestBranches(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			m := moved(t, format)
			dir := m.clone(true)
			testenv.Git(t, dir, "checkout", "-q", "-b", "topic")
			commit(t, dir, "one", "1\n", "one\n\nSigned-off-by: Ada Lovelace <ada@example.com>")
			commit(t, dir, "two", "2\n", "two")
			testenv.Git(t, dir, "checkout", "-q", "-b", "merge", "origin/side")
			commit(t, dir, "three", "3\n", "three")
			testenv.Git(t, dir, "merge", "-q", "--no-edit", "topic")
			testenv.Git(t, dir, "branch", "-q", "behind", "origin/other")
			testenv.Git(t, dir, "checkout", "-q", "--orphan", "apart")
			testenv.Git(t, dir, "commit", "-q", "-m", "apart")
			testenv.Git(t, dir, "checkout", "-q", "topic")
			testenv.Git(t, dir, "branch", "-q", "on-new", "new/trunk")
			before := people(t, dir, "origin/trunk..topic")
			branches := map[string]string{}
			for _, name := range []string{"topic", "merge", "behind", "apart", "on-new", "trunk"} {
				branches[name] = testenv.Git(t, dir, "rev-parse", name)
			}

			dry := m.carry(dir, func(o *carry.Options) { mapPeople(t)(o); o.DryRun = true })
			if got := testenv.Git(t, dir, "rev-parse", "topic"); got != branches["topic"] {
				t.Errorf("a dry run moved topic to %s", got)
			}
			got := m.carry(dir, mapPeople(t))
			if diff := cmp.Diff(dry.Refs, got.Refs, cmp.Comparer(func(a, b object.ID) bool { return a == b })); diff != "" {
				t.Errorf("refs (-dry +done):\n%s", diff)
			}
			want := map[string]string{
				"refs/heads/topic": "moved ++", "refs/heads/merge": "moved ++++", "refs/heads/behind": "moved ",
				"refs/heads/trunk": "moved ", "refs/heads/apart": "apart", "refs/heads/on-new": "arrived",
			}
			if diff := cmp.Diff(want, outcomes(got)); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			r := strings.NewReplacer("Ada Lovelace <ada@example.com>", "Ada King <ada@new.example>", "Charles Babbage <charles@example.com>", "Charles B. <charles@new.example>")
			if diff := cmp.Diff(r.Replace(before), people(t, dir, "new/trunk..topic")); diff != "" {
				t.Errorf("commits (-want +got):\n%s", diff)
			}
			for name, old := range branches {
				if testenv.Git(t, dir, "rev-parse", name+"^{tree}") != testenv.Git(t, dir, "rev-parse", old+"^{tree}") {
					t.Errorf("%s has other files", name)
				}
				if strings.HasPrefix(want["refs/heads/"+name], "moved") && testenv.Git(t, dir, "rev-parse", "refs/rehome/before-carry/heads/"+name) != old {
					t.Errorf("the old tip of %s is not kept", name)
				}
			}
			if out := testenv.Git(t, dir, "rev-list", "origin/trunk", "--not", "new/trunk"); out == "" {
				t.Fatal("nothing was rewritten")
			}
			for _, name := range []string{"topic", "merge", "behind", "trunk"} {
				olds := testenv.Git(t, dir, "rev-list", name, "--not", "--remotes=new", "--not", "--remotes=origin")
				if strings.Contains(testenv.Git(t, dir, "log", "--format=%ae %ce", name), "ada@example.com") {
					t.Errorf("%s still reaches old commits: %s", name, olds)
				}
			}
			if out := testenv.Git(t, dir, "status", "--porcelain"); out != "" {
				t.Errorf("status: %s", out)
			}
			testenv.Git(t, dir, "fsck", "--strict")
			m.again(dir)
		})
	}
}

// again checks that nothing happens a second time.
func (m *move) again(dir string) {
	m.t.Helper()
	before := testenv.ShowRefs(m.t, dir)
	got := m.carry(dir, mapPeople(m.t))
	for _, ref := range got.Refs {
		if ref.Outcome == carry.Moved {
			m.t.Errorf("again: %s moves", ref.Name)
		}
	}
	if diff := cmp.Diff(before, testenv.ShowRefs(m.t, dir)); diff != "" {
		m.t.Errorf("refs (-before +after):\n%s", diff)
	}
}

// TestDirtyWorktree carries branches that are checked out while index and work tree hold changes.
func TestDirtyWorktree(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	linked := filepath.Join(t.TempDir(), "linked")
	testenv.Git(t, dir, "worktree", "add", "-q", "-b", "linked", linked)
	for _, at := range []string{dir, linked} {
		commit(t, at, "mine", at, "mine")
		for name, text := range map[string]string{"README": "changed\n", "staged": "staged\n", "untracked": "?\n", "mine": "changed too\n"} {
			if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		testenv.Git(t, at, "add", "README", "staged")
		testenv.Git(t, at, "rm", "-q", "--cached", "run.sh")
	}
	state := func() (all []string) {
		for _, at := range []string{dir, linked} {
			all = append(all, testenv.Git(t, at, "status", "--porcelain"), testenv.Git(t, at, "diff"), testenv.Git(t, at, "diff", "--cached"), testenv.Git(t, at, "symbolic-ref", "HEAD"))
		}
		return all
	}
	before := state()
	got := m.carry(linked, nil)
	if diff := cmp.Diff(map[string]string{"refs/heads/linked": "moved +", "refs/heads/trunk": "moved +"}, outcomes(got)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, state()); diff != "" {
		t.Errorf("work trees (-before +after):\n%s", diff)
	}
	testenv.Git(t, dir, "fsck", "--strict")
}

// TestStashes carries every stash, with what is staged and what is not tracked.
func TestStashes(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range []string{"first\n", "second\n", "third\n"} {
		put("README", text)
		put("staged", text)
		testenv.Git(t, dir, "add", "staged")
		put("untracked", text)
		testenv.Git(t, dir, "stash", "push", "-q", "-u", "-m", "stash "+text)
		if i == 1 {
			commit(t, dir, "mine", "mine\n", "mine")
		}
	}
	list := testenv.Git(t, dir, "stash", "list")
	old := strings.Fields(testenv.Git(t, dir, "log", "-g", "--format=%H", "refs/stash"))
	got := m.carry(dir, mapPeople(t))
	want := map[string]string{"refs/heads/trunk": "moved +", "stash@{0}": "moved ++++", "stash@{1}": "moved +++", "stash@{2}": "moved +++"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if now := testenv.Git(t, dir, "stash", "list"); now != list {
		t.Errorf("stash list was\n%s\nis\n%s", list, now)
	}
	for n, id := range old {
		if testenv.Git(t, dir, "rev-parse", "refs/rehome/before-carry/stash/"+string(rune('0'+n))) != id {
			t.Errorf("stash@{%d} is not kept", n)
		}
	}
	testenv.Git(t, dir, "fsck", "--strict")
	m.again(dir)
	testenv.Git(t, dir, "reflog", "expire", "--expire=now", "HEAD")
	for i, text := range []string{"second\n", "first\n", "third\n"} {
		testenv.Git(t, dir, "stash", "pop", "-q", "stash@{"+[]string{"1", "1", "0"}[i]+"}")
		for _, name := range []string{"README", "staged", "untracked"} {
			if have, err := os.ReadFile(filepath.Join(dir, name)); string(have) != text {
				t.Errorf("popped %s: %q, %v", name, have, err)
			}
		}
		testenv.Git(t, dir, "reset", "-q", "--hard")
		testenv.Git(t, dir, "clean", "-q", "-f", "-d")
	}
	if left := testenv.Git(t, dir, "stash", "list"); left != "" {
		t.Errorf("left %s", left)
	}
}

// TestNothingToMake moves a branch that has nothing of its own: no pack is written.
func TestNothingToMake(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	packs := testenv.Git(t, dir, "count-objects", "-v")
	got := m.carry(dir, mapPeople(t))
	if diff := cmp.Diff(map[string]string{"refs/heads/trunk": "moved "}, outcomes(got)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if now := testenv.Git(t, dir, "count-objects", "-v"); now != packs {
		t.Errorf("objects were\n%s\nare\n%s", packs, now)
	}
	if trunk := testenv.Git(t, dir, "rev-parse", "trunk"); trunk != testenv.Git(t, dir, "rev-parse", "new/trunk") {
		t.Errorf("trunk is %s", trunk)
	}
}

// TestLockedStash moves nothing while another process writes the log of the stash.
func TestLockedStash(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("x\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	testenv.Git(t, dir, "stash", "push", "-q")
	before := testenv.ShowRefs(t, dir)
	lock := filepath.Join(dir, ".git/logs/refs/stash.lock")
	if err := os.WriteFile(lock, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := m.try(dir, nil); !errors.Is(err, repo.ErrLocked) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, testenv.ShowRefs(t, dir)); diff != "" {
		t.Errorf("refs (-before +after):\n%s", diff)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	m.carry(dir, nil)
	testenv.Git(t, dir, "stash", "pop", "-q")
}

// TestStashBesideItsLog carries stashes whose ref the log does not end with, or that have no log.
func TestStashBesideItsLog(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	for _, text := range []string{"one\n", "two\n"} {
		if err := os.WriteFile(filepath.Join(dir, "README"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		testenv.Git(t, dir, "stash", "push", "-q")
	}
	tip, first := testenv.Git(t, dir, "rev-parse", "stash@{0}"), testenv.Git(t, dir, "rev-parse", "stash@{1}")
	log := filepath.Join(dir, ".git/logs/refs/stash")
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if err := os.WriteFile(log, append(line, '\n'), 0o666); err != nil {
		t.Fatal(err)
	}
	got := m.carry(dir, func(o *carry.Options) { o.DryRun = true })
	want := map[string]string{"refs/heads/trunk": "moved ", "refs/stash": "moved ++", "stash@{0}": "moved ++"}
	if diff := cmp.Diff(want, outcomes(got)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	m.carry(dir, nil)
	for name, old := range map[string]string{"stash/tip": tip, "stash/0": first} {
		if kept := testenv.Git(t, dir, "rev-parse", "refs/rehome/before-carry/"+name); kept != old {
			t.Errorf("%s keeps %s, want %s", name, kept, old)
		}
	}
	if now := testenv.Git(t, dir, "rev-parse", "refs/stash"); now == tip {
		t.Error("refs/stash has not moved")
	}

	dir = m.clone(true)
	testenv.Git(t, dir, "update-ref", "refs/stash", testenv.GitIn(t, dir, strings.NewReader("own\n"), "commit-tree", "-p", "HEAD", "HEAD^{tree}"))
	if diff := cmp.Diff(map[string]string{"refs/heads/trunk": "moved ", "refs/stash": "moved +"}, outcomes(m.carry(dir, nil))); diff != "" {
		t.Errorf("without a log (-want +got):\n%s", diff)
	}
}

// TestCrashBetweenRefsAndLog goes on where a process died after the refs had moved.
func TestCrashBetweenRefsAndLog(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	for _, text := range []string{"one\n", "two\n"} {
		if err := os.WriteFile(filepath.Join(dir, "README"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		testenv.Git(t, dir, "stash", "push", "-q")
	}
	log := filepath.Join(dir, ".git/logs/refs/stash")
	before, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	m.carry(dir, nil)
	after, err := os.ReadFile(log)
	if err != nil || bytes.Equal(before, after) {
		t.Fatalf("the log is as it was, %v", err)
	}
	if err := os.WriteFile(log, before, 0o666); err != nil {
		t.Fatal(err)
	}
	m.carry(dir, nil)
	if now, _ := os.ReadFile(log); !bytes.Equal(now, after) {
		t.Errorf("the log is\n%s\nwant\n%s", now, after)
	}
	testenv.Git(t, dir, "fsck", "--strict")
}

// TestSignatures counts those that are lost.
func TestSignatures(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	raw := testenv.Git(t, dir, "cat-file", "commit", commit(t, dir, "mine", "mine", "mine"))
	head, body, _ := strings.Cut(raw, "\n\n")
	signed := testenv.GitIn(t, dir, strings.NewReader(head+"\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n"+body+"\n"), "hash-object", "-t", "commit", "-w", "--stdin")
	testenv.Git(t, dir, "reset", "-q", "--hard", signed)
	got := m.carry(dir, nil)
	if got.Signatures != 1 {
		t.Errorf("%d signatures", got.Signatures)
	}
	if now := testenv.Git(t, dir, "cat-file", "commit", "trunk"); strings.Contains(now, "SIGNATURE") {
		t.Errorf("it is signed:\n%s", now)
	}
}
