package carry_test

import (
	"slices"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// TestRefusals leaves alone what cannot move, and says why.
func TestRefusals(t *testing.T) {
	m := moved(t, "sha1")
	trunk := testenv.Git(t, m.old, "rev-parse", "trunk")
	tests := []struct {
		name  string
		make  func(t *testing.T) string
		edit  func(text string) string // of the map
		wants string                   // of refs/heads/mine
	}{
		{"not fetched", func(*testing.T) string { return m.clone(false) }, nil, "refused: the new history is not in this clone"},
		{"removed", func(*testing.T) string { return m.clone(true) }, func(text string) string {
			return replaceLine(text, trunk, strings.Repeat("0", 40))
		}, "was removed from history"},
		{"other files", func(*testing.T) string { return m.clone(true) }, func(text string) string {
			return replaceLine(text, trunk, testenv.Git(t, m.fresh, "rev-parse", "other"))
		}, "are others in the new history"},
		{"unrelated map", func(*testing.T) string { return m.clone(true) }, func(text string) string {
			return text[:strings.Index(text, "\n")+1] + strings.Repeat("1", 40) + " " + strings.Repeat("2", 40) + "\n"
		}, "apart"},
		{"shallow", func(t *testing.T) string {
			dir := m.clone(false, "--depth=1", "--branch=side")
			m.fetch(dir)
			return dir
		}, func(text string) string { return replaceLine(text, testenv.Git(t, m.old, "rev-parse", "side"), "") }, "refused: history before"},
		{"merge under way", func(t *testing.T) string {
			dir := m.clone(true)
			testenv.Git(t, dir, "checkout", "-q", "-b", "mine")
			commit(t, dir, "mine", "mine", "mine")
			if _, err := testenv.Run(t.Context(), dir, nil, "merge", "-q", "origin/feature/#1-\xc3\xbc"); err == nil {
				t.Error("no conflict")
			}
			return dir
		}, nil, "refused: a merge is in progress"},
		{"rebase under way", func(t *testing.T) string {
			dir := m.clone(true)
			testenv.Git(t, dir, "checkout", "-q", "-b", "mine", "origin/side")
			commit(t, dir, "side.txt", "mine", "mine")
			if _, err := testenv.Run(t.Context(), dir, nil, "rebase", "-q", "origin/feature/#1-\xc3\xbc"); err == nil {
				t.Error("no conflict")
			}
			return dir
		}, nil, "refused: a rebase is in progress"},
		{"bisection under way", func(t *testing.T) string {
			dir := m.clone(true)
			testenv.Git(t, dir, "checkout", "-q", "-b", "mine")
			commit(t, dir, "mine", "mine", "mine")
			testenv.Git(t, dir, "bisect", "start", "HEAD", "HEAD~3")
			return dir
		}, nil, "refused: a bisection is in progress"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := tt.make(t)
			if _, err := testenv.Run(t.Context(), dir, nil, "rev-parse", "-q", "--verify", "refs/heads/mine"); err != nil {
				testenv.Git(t, dir, "checkout", "-q", "-b", "mine")
				commit(t, dir, "mine", "mine", "mine")
			}
			before := testenv.ShowRefs(t, dir)
			mine := slices.DeleteFunc(slices.Clone(before), func(s string) bool { return !strings.HasSuffix(s, " refs/heads/mine") })
			now := *m
			if now.t = t; tt.edit != nil {
				now.commits = []byte(tt.edit(string(m.commits)))
			}
			got := outcomes(now.carry(dir, nil))["refs/heads/mine"]
			if !strings.Contains(got, tt.wants) {
				t.Errorf("got %q, want %q", got, tt.wants)
			}
			if after := testenv.ShowRefs(t, dir); !slices.Contains(after, mine[0]) {
				t.Errorf("refs were\n%s\nare\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
			testenv.Git(t, dir, "fsck", "--strict")
		})
	}
}

// replaceLine gives a commit of a map another id, or takes it out.
func replaceLine(text, old, to string) string {
	at := strings.Index(text, "\n"+old) + 1
	end := at + strings.IndexByte(text[at:], '\n') + 1
	if to == "" {
		return text[:at] + text[end:]
	}
	return text[:at] + old + " " + to + "\n" + text[end:]
}
