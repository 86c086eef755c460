package importer

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// receiptOf is what a receipt says beside its head.
type receiptOf struct {
	Skipped  []rehome.SkippedRef  `json:"skipped_refs"`
	Replaced []rehome.ReplacedRef `json:"replaced_refs"`
	Warnings []rehome.Warning     `json:"warnings"`
}

func (w *world) receiptOf(r rehome.Repository) (body receiptOf) {
	w.t.Helper()
	text, err := w.Receipt(w.t.Context(), r.ID)
	must(w.t, err)
	must(w.t, json.Unmarshal(text, &body))
	return body
}

// warning returns the text and count of the receipt's warning of a kind, "" for none.
func (b receiptOf) warning(kind string) (text string, count int64) {
	for _, w := range b.Warnings {
		if w.Kind == kind {
			return w.Text, w.Count
		}
	}
	return "", 0
}

// What somebody deleted here stays deleted through maps and restarts, also the default branch,
// until the import is made anew.
func TestDeletedRefsStayDeleted(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	url := testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"
	r := w.repository("new")
	w.start(r, StartRequest{URL: url})
	home := w.hosted(r)
	testenv.Git(t, home, "symbolic-ref", "HEAD", "refs/heads/side")
	gone := []string{"refs/heads/other", "refs/heads/trunk"}
	for _, name := range gone {
		testenv.Git(t, home, "update-ref", "-d", name)
	}
	check := func(when string) {
		t.Helper()
		wantStatus(t, w.get(r), rehome.Complete, "", "")
		for _, line := range testenv.ShowRefs(t, home) {
			if _, name, _ := strings.Cut(line, " "); slices.Contains(gone, name) {
				t.Errorf("%s: %s is back", when, name)
			}
		}
		if head := testenv.Git(t, home, "symbolic-ref", "HEAD"); head != "refs/heads/side" {
			t.Errorf("%s: HEAD names %s", when, head)
		}
		var skipped []string
		for _, s := range w.receiptOf(r).Skipped {
			if s.Reason == reasonDeleted {
				skipped = append(skipped, s.Name)
			}
		}
		if !slices.Equal(skipped, gone) {
			t.Errorf("%s: the receipt says deleted: %v", when, skipped)
		}
	}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	check("mapped")
	testenv.Git(t, from, "update-ref", "refs/heads/fresh", "refs/heads/trunk")
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	check("started again")
	testenv.Git(t, home, "rev-parse", "refs/heads/fresh")
	must(t, w.Cancel(t.Context(), r.ID, 0))
	w.work()
	w.start(r, StartRequest{URL: url})
	w.wantMoved(r, from)
}

func TestWithoutDeleted(t *testing.T) {
	const one = "1111111111111111111111111111111111111111"
	at, err := object.ParseID(one)
	must(t, err)
	for _, c := range []struct {
		name string
		last store.WrittenRef
		want int
	}{
		{"new at the source", store.WrittenRef{}, 1},
		{"the push that was to make it died", store.WrittenRef{Writing: one}, 1},
		{"pushed", store.WrittenRef{Wrote: one}, 0},
		{"pushed, and the push that was to move it died", store.WrittenRef{Wrote: one, Writing: strings.Repeat("2", 40)}, 0},
		{"pushed, and the push that was to remove it died", store.WrittenRef{Wrote: one, Writing: strings.Repeat("0", 40)}, 1},
	} {
		rest, skipped := withoutDeleted([]finalRef{{name: "refs/heads/a", source: at, final: at}}, nil, map[string]store.WrittenRef{"refs/heads/a": c.last})
		if len(rest) != c.want || len(rest)+len(skipped) != 1 {
			t.Errorf("%s: %v go on, %v are skipped", c.name, rest, skipped)
		}
	}
}

// What an earlier import wrote is ours to move, and nothing of it was deleted from this one.
func TestRefsOfEarlierImports(t *testing.T) {
	one, two := strings.Repeat("1", 40), strings.Repeat("2", 40)
	at, err := object.ParseID(two)
	must(t, err)
	got := ofOthers([]finalRef{{name: "own"}}, map[string]object.ID{"died": at, "there": at}, map[string]store.WrittenRef{
		"own": {Wrote: one}, "there": {Wrote: two, Source: one}, "gone": {Wrote: one}, "died": {Wrote: one, Writing: two},
	})
	slices.SortFunc(got, func(a, b store.WrittenRef) int { return cmp.Compare(a.Name, b.Name) })
	want := []store.WrittenRef{{Name: "died", Writing: two}, {Name: "gone", Writing: one}, {Name: "there", Writing: two}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
