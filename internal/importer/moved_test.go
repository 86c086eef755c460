package importer

import (
	"reflect"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// addCommit commits to a branch at the source, as one person. parents holds from lines.
func addCommit(t *testing.T, from, branch, person, parents string) {
	t.Helper()
	stream := "commit refs/heads/" + branch + "\ncommitter " + person + " 1700001000 +0000\ndata 5\nmore\n" + parents + "\n"
	testenv.GitIn(t, from, strings.NewReader(stream), "fast-import", "--quiet")
}

// A ref that somebody moved to where a change leads is no reason to refuse the change.
func TestChangeThatLeadsWhereSomebodyMovedARef(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	addCommit(t, from, "alone", "Loner <alone@example.com>", "")
	w.start(r, StartRequest{URL: url})
	home := w.hosted(r)
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	one := testenv.Git(t, home, "rev-parse", "refs/heads/alone")
	testenv.Git(t, home, "update-ref", "refs/heads/own", one)
	w.remap(r, "Loner", "Two", "two@example.com")
	w.work()
	testenv.Git(t, home, "update-ref", "refs/heads/alone", one)
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	w.lose(w.get(r).ID, kindRaw)
	testenv.Git(t, home, "update-ref", "refs/heads/alone", "refs/heads/trunk") // what would be of it, nobody knows now
	w.remap(r, "Loner", "Two", "two@example.com")
	testenv.Git(t, home, "update-ref", "refs/heads/alone", one)
	w.remap(r, "Loner", "One", "one@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := testenv.Git(t, home, "rev-parse", "refs/heads/alone"); got != one {
		t.Errorf("the ref is at %s, not %s", got, one)
	}
}

// A change that would have to move a ref which somebody else moved is refused, one that
// would not is not, and nobody's commits are touched.
func TestChangeThatWouldMoveSomebodysRef(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	addCommit(t, from, "alone", "Loner <alone@example.com>", "")
	w.start(r, StartRequest{URL: url})
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	home := w.hosted(r)
	wrote := testenv.Git(t, home, "rev-parse", "refs/heads/alone")
	push := func(ref, onto string) string {
		id := testenv.Git(t, home, "commit-tree", "-p", onto, "-m", "mine", onto+"^{tree}")
		testenv.Git(t, home, "update-ref", ref, id)
		return id
	}
	theirs := push("refs/heads/alone", wrote)
	own := push("refs/heads/own", "refs/heads/side")

	w.remap(r, "Charles Babbage", "C", "c@example.com") // not on that branch
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	before := w.get(r)
	people, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	const alone = "Loner"
	name := "Somebody"
	_, err = w.MapAuthor(t.Context(), r.ID, w.author(r, alone).ID, &name, nil)
	if e := rehome.AsError(err); e.Code != rehome.DestinationMoved || !strings.Contains(e.Message, "refs/heads/alone") || !strings.Contains(e.Hint, wrote) {
		t.Errorf("a change that would move it: %v", err)
	}
	_, err = w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte(alone + " = X <x@y>\n")})
	if rehome.CodeOf(err) != rehome.DestinationMoved {
		t.Errorf("a whole map that would move it: %v", err)
	}
	if now := w.get(r); !reflect.DeepEqual(now, before) {
		t.Errorf("a refused change made %+v of %+v", now, before)
	}
	after, err := w.Authors(t.Context(), r.ID, 0, 0)
	must(t, err)
	for n := range after {
		if after[n].Name != people[n].Name {
			t.Errorf("author %+v was mapped", after[n])
		}
	}
	for ref, want := range map[string]string{"refs/heads/alone": theirs, "refs/heads/own": own} {
		if got := testenv.Git(t, home, "rev-parse", ref); got != want {
			t.Errorf("%s is at %s, not %s", ref, got, want)
		}
	}
	testenv.Git(t, home, "fsck", "--full")
	testenv.Git(t, home, "update-ref", "refs/heads/alone", wrote)
	_, err = w.MapAuthor(t.Context(), r.ID, w.author(r, alone).ID, &name, nil)
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	wantOnly(t, w.data+"/work")

	// The branch of their own holds the history it grew from, as long as it is there.
	has := func(id string) bool {
		return !strings.HasSuffix(testenv.GitIn(t, home, strings.NewReader(id+"\n"), "cat-file", "--batch-check"), "missing")
	}
	grew := testenv.Git(t, home, "rev-parse", own+"^")
	testenv.Git(t, home, "fsck", "--full", "--strict")
	if !has(grew) {
		t.Error("the history under somebody's branch is gone")
	}
	testenv.Git(t, home, "update-ref", "-d", "refs/heads/own")
	w.remap(r, "Charles Babbage", "D", "c@example.com")
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if has(grew) {
		t.Error("history that no ref reaches is still there")
	}
}
