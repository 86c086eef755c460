package destination

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/destination/split"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// limited lets the destination take a part of the history at once. A merge brings more than that.
func limited(t *testing.T) (*world, Push) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source.git")
	testenv.Synthetic(t, source, "sha1", testenv.Size{Commits: 60, Files: 5, Lines: 20})
	testenv.Git(t, source, "branch", "wide", "trunk~20")
	testenv.Grow(t, source, "refs/heads/wide", "wide.txt", 90)
	merge := testenv.Git(t, source, "commit-tree", "-m", "merge", "-p", "trunk", "-p", "wide", "wide^{tree}")
	testenv.Git(t, source, "update-ref", "refs/heads/trunk", merge)
	testenv.Git(t, source, "branch", "-D", "wide")
	w := worldOf(t, source, "sha1")
	whole := w.mustPush(w.first())
	w.empty("sha1")
	w.pushes()
	p := w.first()
	p.Limit = whole.Bytes / 4
	return w, p
}

// own returns the refs that pushes in several steps made for themselves.
func (w *world) own() (left []string) {
	w.t.Helper()
	for name := range refsIn(w.t, w.to) {
		if split.Own(name) {
			left = append(left, name)
		}
	}
	return left
}

// TestSteps pushes in several steps what is too large for one.
func TestSteps(t *testing.T) {
	t.Parallel()
	w, p := limited(t)
	w.config("receive.maxInputSize", fmt.Sprint(p.Limit))
	w.mustPush(p)
	w.arrived()
	sizes := w.pushes()
	if len(sizes) < 4 {
		t.Errorf("%d pushes", len(sizes))
	}
	for _, n := range sizes {
		if n > p.Limit+2000 {
			t.Errorf("a push of %d bytes, the limit is %d", n, p.Limit)
		}
	}
}

// TestKilledBetweenSteps ends a push for good after each of its steps, before and after the destination took it. The same
// push once more brings the rest, whatever it believes that the refs are.
func TestKilledBetweenSteps(t *testing.T) {
	t.Parallel()
	made := false
	w, p := limited(t)
	for done := int64(0); ; done++ {
		w.empty("sha1")
		p.Location = w.at
		w.push = times(done, through, status(403, "no more"))
		_, err := w.Push(t.Context(), p)
		if err == nil {
			if done < 4 {
				t.Errorf("%d steps", done)
			}
			break
		}
		if rehome.CodeOf(err) != rehome.DestinationRefused {
			t.Fatal(err)
		}
		testenv.Git(t, w.to, "fsck", "--connectivity-only")
		made = made || len(w.own()) > 0
		w.push = nil
		w.mustPush(p)
		w.arrived()
	}
	if !made {
		t.Error("no step made a ref of its own")
	}
}

// TestCutBetweenSteps cuts connections in the middle: the push goes on by itself, also on branches that were there before.
func TestCutBetweenSteps(t *testing.T) {
	t.Parallel()
	w, p := limited(t)
	for _, name := range []string{"sync", "first"} {
		if name == "sync" {
			w.mustPush(p)
			known, err := w.from.PackNames()
			must(t, err)
			testenv.Grow(t, w.source, "refs/heads/trunk", "src/new.txt", 150)
			w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~150")
			p.Updates, p.Known, p.Whole, p.Limit = w.updates(), known, false, 4000
		} else {
			w, p = limited(t)
		}
		w.pushes()
		w.push = times(2, through, times(2, cut(50), through))
		w.mustPush(p)
		w.arrived()
		if n := w.pushes(); len(n) < 4 {
			t.Errorf("%s: pushes of %d bytes", name, n)
		}
	}
}

// TestLeftRefsGo clears away what an interrupted push made for itself, though nothing else is left to be done.
func TestLeftRefsGo(t *testing.T) {
	t.Parallel()
	w, p := limited(t)
	w.mustPush(p)
	testenv.Git(t, w.to, "branch", "rehome-part-3", "trunk~2")
	p.Updates = nil
	w.mustPush(p)
	w.arrived()
}

// TestRefusedStep stops when a step is refused: what comes after builds on it.
func TestRefusedStep(t *testing.T) {
	t.Parallel()
	w, p := limited(t)
	w.hook("update", `test "$1" = refs/heads/trunk && git rev-parse -q --verify refs/heads/trunk >&2 && echo "that is enough" && exit 1; exit 0`)
	p.Whole = false
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if len(res.Refused) != 1 || !strings.Contains(res.Refused[0].Words, "that is enough") {
		t.Errorf("%+v", res.Refused)
	}
	w.hook("update", "exit 0")
	w.mustPush(p)
	w.arrived()
}

// TestStepsKeepOldTips names a commit that only the destination has, before what is there of it goes.
func TestStepsKeepOldTips(t *testing.T) {
	t.Parallel()
	w, p := limited(t)
	testenv.Grow(t, w.to, "refs/heads/old", "old.txt", 2)
	old := parse(t, testenv.Git(t, w.to, "rev-parse", "refs/heads/old"))
	zero := old.Format().Zero()
	p.Updates = append(p.Updates, repo.Update{Name: "refs/heads/old", Old: old, New: zero}, repo.Update{Name: "refs/rehome/kept/old", New: old})
	p.Whole = false
	w.mustPush(p)
	testenv.Git(t, w.source, "fetch", "-q", w.to, "refs/rehome/kept/old:refs/rehome/kept/old")
	w.arrived()
	if n := len(w.pushes()); n < 4 {
		t.Errorf("%d pushes", n)
	}
}
