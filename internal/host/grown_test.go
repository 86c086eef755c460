package host

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// stage is a history up to some commit. Stages share the packs of those before them.
type stage struct {
	*repo.Repo
	history, content []string
	tip              string
}

// stages divides a generation into histories of one more commit each, from the third on.
func stages(t *testing.T, g generation) (all []stage) {
	t.Helper()
	before := stage{}
	for back := 3; back >= 0; back-- {
		r, err := repo.Init(filepath.Join(t.TempDir(), "stage.git"), g.Format())
		if err != nil {
			t.Fatal(err)
		}
		next := stage{Repo: r, tip: testenv.Git(t, g.Dir(), "rev-parse", fmt.Sprintf("trunk~%d", back))}
		revs := next.tip + "\n"
		if before.Repo != nil {
			revs += "^" + before.tip + "\n"
			if err := r.Link(before.Repo); err != nil {
				t.Fatal(err)
			}
		}
		base := filepath.Join(t.TempDir(), "pack")
		sum := testenv.GitIn(t, g.Dir(), strings.NewReader(revs), "pack-objects", "--revs", "-q", base)
		packed, err := os.ReadFile(base + "-" + sum + ".pack")
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Receive(t.Context(), bytes.NewReader(packed), repo.ReceiveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		next.history = append(slices.Clone(before.history), got.HistoryName)
		next.content = append(slices.Clone(before.content), got.ContentName)
		testenv.Git(t, r.Dir(), "update-ref", "refs/heads/trunk", next.tip)
		all, before = append(all, next), next
	}
	return all
}

// grow publishes a stage instead of others.
func (hm *home) grow(s stage, instead ...stage) {
	hm.t.Helper()
	p := Publication{From: s.Repo, Head: "refs/heads/trunk", History: s.history, Content: s.content, Updates: creations(hm.t, s.Repo)}
	there, _, err := hm.Refs(hm.t.Context(), 7)
	if err != nil {
		hm.t.Fatal(err)
	}
	for i, u := range p.Updates {
		if at := slices.IndexFunc(there, func(r repo.Ref) bool { return r.Name == u.Name }); at >= 0 {
			p.Updates[i].Old = there[at].ID
		}
	}
	for _, other := range instead {
		p.Replaces = append(p.Replaces, slices.Concat(other.history, other.content)...)
	}
	if err := hm.Publish(hm.t.Context(), 7, p); err != nil {
		hm.t.Fatal(err)
	}
	hm.sound()
}

// packsAre wants the repository to have these packs and no others.
func (hm *home) packsAre(when string, want ...[]string) {
	hm.t.Helper()
	r, err := hm.open(7)
	if err != nil {
		hm.t.Fatal(err)
	}
	got, err := r.PackNames()
	if err != nil {
		hm.t.Fatal(err)
	}
	all := slices.Sorted(slices.Values(slices.Concat(want...)))
	if diff := cmp.Diff(slices.Compact(all), got); diff != "" {
		hm.t.Errorf("%s: packs (-want +got):\n%s", when, diff)
	}
}

// growers returns a home and two histories in stages.
func growers(t *testing.T, f object.Format) (hm *home, a, b []stage) {
	t.Helper()
	hm = newHome(t)
	hm.quiet = 10 * time.Millisecond
	hm.create(7, object.SHA1)
	return hm, stages(t, made(t, f, "a@example.com")), stages(t, made(t, f, "b@example.com"))
}

// TestGrowingHistory publishes ever more packs, and then others instead of them all.
func TestGrowingHistory(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			hm, a, b := growers(t, f)
			for n, s := range a {
				hm.grow(s)
				hm.packsAre(fmt.Sprint("stage ", n), s.history, s.content)
			}
			last := a[len(a)-1]
			hm.grow(b[1], last)
			hm.packsAre("mapped", b[1].history, b[1].content)
			hm.grow(b[3])
			hm.packsAre("grown", b[3].history, b[3].content)
			hm.grow(a[3], b[3])
			hm.packsAre("undone", a[3].history, a[3].content)
			hm.grow(b[3]) // earlier ones need not be named
			hm.packsAre("mapped anew", b[3].history, b[3].content)
			hm.clones()
			m, err := remember(hm.path(7))
			if diff := cmp.Diff(remembered{History: b[3].history, Content: b[3].content}, m); diff != "" || err != nil {
				t.Errorf("%v, remembered (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestUsersRefsKeepGrownHistory has somebody's branch on an old commit, of the first or the last pack, while
// history grows, is mapped, and grows again.
func TestUsersRefsKeepGrownHistory(t *testing.T) {
	for _, back := range []string{"HEAD", "HEAD~1"} {
		t.Run(back, func(t *testing.T) {
			hm, a, b := growers(t, object.SHA1)
			for _, s := range a[:2] {
				hm.grow(s)
			}
			dir := hm.worktree(7)
			testenv.Git(t, dir, "checkout", "-q", back)
			mine := commit(t, dir, "mine", []byte("mine"))
			testenv.Git(t, dir, "push", "-q", "origin", mine+":refs/heads/mine")
			hm.grow(a[2])
			hm.packsAre("grown", a[2].history, a[2].content)
			kept := func(when string, want ...string) {
				t.Helper()
				if got, err := hm.KeptFor(t.Context(), 7); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: kept for %q, %v; want %q", when, got, err, want)
				}
			}
			kept("grown")
			for _, s := range b[2:] {
				hm.grow(s, a[2])
				for _, name := range a[2].history {
					if !hm.hasPack(name) {
						t.Errorf("%s went", name)
					}
				}
				kept("mapped", "refs/heads/mine")
			}
			testenv.Git(t, dir, "push", "-q", "origin", ":mine")
			hm.packsAre("without the branch", b[3].history, b[3].content)
			hm.sound()
		})
	}
}

// TestPackNamesOfOld reads what was remembered when history was one pack.
func TestPackNamesOfOld(t *testing.T) {
	hm, a, b := growers(t, object.SHA1)
	hm.grow(a[0])
	old := `{"history":"` + a[0].history[0] + `","content":"` + a[0].content[0] + `","superseded":[{"pack":"pack-12","closed":true}]}`
	remembers(t, filepath.Join(hm.path(7), packsFile), old)
	m, err := remember(hm.path(7))
	want := remembered{History: a[0].history, Content: a[0].content, Superseded: []superseded{{Pack: "pack-12", Closed: true}}}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	remembers(t, filepath.Join(hm.path(7), packsFile), strings.Replace(old, a[0].content[0], "", 1))
	if m, err = remember(hm.path(7)); err != nil || m.Content != nil {
		t.Errorf("content is %q, %v", m.Content, err)
	}
	hm.grow(b[3], a[0])
	hm.packsAre("published", b[3].history, b[3].content)
}

func remembers(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
