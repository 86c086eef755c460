package importer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/forge"
	"rehome/internal/testenv"
)

// Killed at any point, an import to a forge ends with everything there, after the next start: one that begins, in one push
// or several, and one that takes up what is new and what was deleted.
func TestKilledAnywhereOnTheWayToAForge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		limit string
		sync  bool
	}{{"in one push", "", false}, {"in several", "24000", false}, {"sync", "", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t)
			begun := filepath.Join(t.TempDir(), "data")
			w, err := openWorld(t.Context(), begun)
			must(t, err)
			w.t, e.world = t, w
			r := e.repository("a")
			_, err = e.SetDestination(t.Context(), r.ID, DestinationRequest{URL: e.url})
			must(t, err)
			yes := true
			wantStatus(t, e.start(r, StartRequest{URL: e.source, Choices: Choices{Prune: &yes, Hold: &yes}}), rehome.WaitingToPush, "", "")
			_, err = e.Approve(t.Context(), r.ID)
			must(t, err)
			if c.sync {
				e.work()
				testenv.Grow(t, e.from, "refs/heads/trunk", "a.txt", 2)
				testenv.Git(t, e.from, "update-ref", "-d", "refs/heads/topic-0")
				_, err = e.Update(t.Context(), r.ID, UpdateRequest{})
				must(t, err)
			}
			w.close()
			to := filepath.Join(t.TempDir(), "to.git")
			must(t, os.CopyFS(to, os.DirFS(e.to)))
			k := killing{begun: begun, repository: r, limit: c.limit, check: func(w *world) {
				if c.sync { // what keeps the old tip is ours, and not the source's
					kept := strings.Fields(testenv.Git(t, e.to, "for-each-ref", "--format=%(refname)", "refs/rehome/kept/heads/topic-0/"))
					if len(kept) != 1 {
						t.Errorf("kept: %q", kept)
					}
					testenv.Git(t, e.to, "update-ref", "-d", kept[0])
				}
				e.wantArrived()
			}}
			for _, point := range []string{"before a change", "after a change", "before publishing", "published"} {
				for nth := 1; ; nth++ {
					must(t, os.RemoveAll(e.to))
					must(t, os.CopyFS(e.to, os.DirFS(to)))
					if !k.at(t, point, nth) {
						if nth == 1 {
							t.Errorf("no run came to %q", point)
						}
						break
					}
				}
			}
		})
	}
}

// TestFileOverTheLimit names the file before anything is pushed. As a Git LFS object it goes.
func TestFileOverTheLimit(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, func(o *Options) { o.LargeOver = 30_000 })
	growLarge(t, e.from, "refs/heads/trunk", "films/a.bin", 50_000)
	e.Forge.LimitsOf = func(string, forge.Kind) forge.Limits { return forge.Limits{File: 40_000} }
	r := e.repository("a")
	i := e.begin(r)
	wantStatus(t, i, rehome.Failed, rehome.StepPush, rehome.DestinationRefused)
	if m := i.State.Err; !strings.Contains(m.Message, "films/a.bin") || !strings.Contains(m.Hint, "opt_in") {
		t.Errorf("%+v", m)
	}
	if e.pushed.Load() > 0 || len(testenv.ShowRefs(t, e.to)) > 0 {
		t.Error("something was pushed")
	}
	_, err := e.SetLFS(t.Context(), r.ID, rehome.LFSOptIn, nil)
	must(t, err)
	e.work()
	if e.get(r).State.Status == rehome.Failed {
		e.again(r)
	}
	wantStatus(t, e.get(r), rehome.Complete, "", "")
	if pointer := testenv.Git(t, e.to, "show", "refs/heads/trunk:films/a.bin"); !strings.HasPrefix(pointer, "version https://git-lfs") {
		t.Errorf("it is %.100q", pointer)
	}
	if got := strings.Join(e.lfs.Requests(), "\n"); !strings.Contains(got, "PUT ") {
		t.Errorf("the Git LFS server was asked:\n%s", got)
	}
}
