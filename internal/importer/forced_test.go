package importer

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// TestForcedRefsStay rewinds a branch and moves a tag at the source: a restart leaves both
// where they are here, says so in the receipt, and still follows what went on.
func TestForcedRefsStay(t *testing.T) {
	t.Parallel()
	w, root := newWorld(t), t.TempDir()
	from := filepath.Join(root, "old.git")
	richAt(t, from, "sha1")
	r := w.repository("new")
	w.start(r, StartRequest{URL: testenv.ServeGit(t, root, testenv.Options{}) + "/old.git"})
	trunk := testenv.Git(t, from, "rev-parse", "refs/heads/trunk")
	tree := testenv.Git(t, from, "rev-parse", "refs/heads/trunk^{tree}")
	onward := testenv.Git(t, from, "commit-tree", "-p", "refs/heads/side", "-m", "onward", tree)
	for name, id := range map[string]string{
		"refs/heads/side": onward, "refs/heads/trunk": trunk + "~1", "refs/tags/light": trunk + "~1", "refs/tags/a-blob": trunk,
	} {
		testenv.Git(t, from, "update-ref", name, id)
	}
	before := testenv.ShowRefs(t, w.hosted(r))
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	for _, line := range testenv.ShowRefs(t, w.hosted(r)) {
		if id, name, _ := strings.Cut(line, " "); name == "refs/heads/side" && id != onward || name != "refs/heads/side" && !slices.Contains(before, line) {
			t.Errorf("after the restart: %s", line)
		}
	}
	var receipt struct {
		Carried int64               `json:"commits_carried"`
		Skipped []rehome.SkippedRef `json:"skipped_refs"`
	}
	text, err := w.Receipt(t.Context(), r.ID)
	must(t, err)
	must(t, json.Unmarshal(text, &receipt))
	var carried []string
	for _, line := range testenv.ShowRefs(t, from) {
		if _, name, _ := strings.Cut(line, " "); !slices.ContainsFunc(receipt.Skipped, func(s rehome.SkippedRef) bool { return s.Name == name }) {
			carried = append(carried, name)
		}
	}
	if want := testenv.Git(t, from, append([]string{"rev-list", "--count", "--ignore-missing"}, carried...)...); fmt.Sprint(receipt.Carried) != want {
		t.Errorf("%d commits carried, want %s", receipt.Carried, want)
	}
	var forced []string
	for _, s := range receipt.Skipped {
		if s.Reason == reasonForced {
			forced = append(forced, s.Name)
		}
	}
	if want := []string{"refs/heads/trunk", "refs/tags/a-blob", "refs/tags/light"}; !slices.Equal(forced, want) {
		t.Errorf("the receipt says forced: %v, want %v", forced, want)
	}
}

// TestForcedCommitsAreNotCarried counts no commit as carried that only a ref leads to which stays what it was.
func TestForcedCommitsAreNotCarried(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t)
	r := e.repository("a")
	wantStatus(t, e.begin(r), rehome.Complete, "", "")
	testenv.Git(t, e.from, "update-ref", "refs/heads/topic-0", "refs/heads/trunk~7")
	testenv.Grow(t, e.from, "refs/heads/topic-0", "new.txt", 1)
	e.again(r)
	var head rehome.ReceiptHead
	text, err := e.Receipt(t.Context(), r.ID)
	must(t, err)
	must(t, json.Unmarshal(text, &head))
	if want := testenv.Git(t, e.from, "rev-list", "--count", "--exclude=refs/heads/topic-0", "--all"); fmt.Sprint(head.Carried) != want || head.Carried >= head.Commits {
		t.Errorf("%d of %d commits carried, want %s", head.Carried, head.Commits, want)
	}
}
