package host

import (
	"slices"
	"testing"

	"rehome/internal/testenv"
)

// The refs that superseded history stays for are named; what only waits for a quiet moment has none.
func TestKeptFor(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm, a, b, _ := generations(t, f)
			kept := func(when string, want ...string) {
				t.Helper()
				got, err := hm.KeptFor(t.Context(), 7)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: kept for %v, %v; want %v", when, got, err, want)
				}
			}
			kept("published")
			testenv.Git(t, hm.path(7), "update-ref", "refs/heads/mine", a.tip)
			testenv.Git(t, hm.path(7), "update-ref", "refs/heads/same", a.tip+"~4") // in both histories
			hm.mustBecome(b, a)
			kept("a branch of somebody", "refs/heads/mine")
			testenv.Git(t, hm.path(7), "update-ref", "refs/heads/mine2", testenv.Git(t, hm.path(7), "commit-tree", "-p", a.tip+"~1", "-m", "own", a.tip+"^{tree}"))
			kept("two of them", "refs/heads/mine", "refs/heads/mine2")
			testenv.Git(t, hm.path(7), "update-ref", "-d", "refs/heads/mine")
			testenv.Git(t, hm.path(7), "update-ref", "-d", "refs/heads/mine2")
			kept("nobody's") // the pack is still there
			if _, err := hm.KeptFor(t.Context(), 8); err == nil {
				t.Error("a repository that is not there was looked at")
			}
		})
	}
}
