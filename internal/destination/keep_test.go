package destination

import (
	"slices"
	"testing"

	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// TestKeepsBeforeItTakes does not take away what the destination does not let us keep.
func TestKeepsBeforeItTakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.mustPush(w.first())
	old := parse(t, testenv.Git(t, w.to, "rev-parse", "refs/heads/topic-0"))
	testenv.Git(t, w.source, "update-ref", "-d", "refs/heads/topic-0")
	testenv.Grow(t, w.source, "refs/heads/trunk", "a.txt", 1)
	w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~1")
	p := w.first()
	p.Whole, p.Keep = false, []repo.Update{{Name: "refs/rehome/kept/heads/topic-0/0", New: old}}
	before := testenv.ShowRefs(t, w.to)
	for _, key := range []string{"receive.hideRefs", "transfer.hideRefs"} {
		w.config(key, "refs/rehome")
		res, err := w.Push(t.Context(), p)
		must(t, err)
		if got := names(res.Refused); !slices.Equal(got, []string{p.Keep[0].Name}) {
			t.Errorf("refused: %+v", res.Refused)
		}
		if now := testenv.ShowRefs(t, w.to); !slices.Equal(now, before) {
			t.Errorf("refs: %s", now)
		}
		testenv.Git(t, w.to, "config", "--unset", key)
	}
	w.pushes()
	w.mustPush(p)
	if n := w.pushes(); len(n) != 2 || n[0] > 1000 {
		t.Errorf("pushes of %d bytes", n)
	}
	testenv.Git(t, w.source, "fetch", "-q", w.to, "refs/rehome/kept/*:refs/rehome/kept/*")
	w.arrived()
	w.mustPush(p)
	if n := w.pushes(); len(n) != 0 {
		t.Errorf("pushed again: %d", n)
	}
}
