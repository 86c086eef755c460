package carry_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/carry"
	"rehome/internal/testenv"
)

// TestEarlierMaps carries clones of a new home whose history was replaced once more, with its earlier map.
func TestEarlierMaps(t *testing.T) {
	for name, now := range map[string]string{
		"changed": "Ada Byron <ada@newer.example> <ada@example.com>\nCharles B. <charles@new.example> <charles@example.com>\n",
		"back":    "Ada King <ada@new.example> <ada@example.com>\n",
		"none":    "",
	} {
		t.Run(name, func(t *testing.T) {
			m := moved(t, "sha1")
			earlier, home := m.commits, *m
			home.old = m.fresh
			dir := home.clone(false, "--branch=trunk")
			testenv.Git(t, dir, "checkout", "-q", "-b", "mine")
			commit(t, dir, "mine", "mine\n", "mine")
			testenv.Git(t, dir, "checkout", "-q", "--orphan", "apart")
			testenv.Git(t, dir, "commit", "-q", "-m", "apart")
			testenv.Git(t, dir, "checkout", "-q", "mine")
			m.fresh = filepath.Join(t.TempDir(), "newer.git")
			m.rewrite(now)
			m.fetch(dir)

			got := outcomes(m.carry(dir, nil))
			if why := got["refs/heads/mine"]; !strings.HasPrefix(why, "refused: ") || !strings.Contains(why, "give the commit map of that rewrite") {
				t.Errorf("without the earlier map: %q", why)
			}
			if got["refs/heads/apart"] != "apart" {
				t.Errorf("apart: %q", got["refs/heads/apart"])
			}
			got = outcomes(m.carry(dir, withEarlier(t, earlier)))
			want := map[string]string{"refs/heads/mine": "moved +", "refs/heads/trunk": "moved ", "refs/heads/apart": "apart"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if base := testenv.Git(t, dir, "rev-parse", "mine~"); base != testenv.Git(t, dir, "rev-parse", "new/trunk") {
				t.Errorf("mine is on %s", base)
			}
			got = outcomes(m.carry(dir, withEarlier(t, earlier)))
			if again := got["refs/heads/mine"]; again != "arrived" && (now != "" || again != "stays") {
				t.Errorf("again: %q", got["refs/heads/mine"])
			}
			testenv.Git(t, dir, "fsck", "--strict")
		})
	}
}

func withEarlier(t *testing.T, texts ...[]byte) func(*carry.Options) {
	t.Helper()
	return func(o *carry.Options) {
		for _, text := range texts {
			m, err := carry.ReadMap(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			o.Earlier = append(o.Earlier, m)
		}
	}
}

// TestAmbiguousEarlierMap refuses what is on a commit that two of the source had become.
func TestAmbiguousEarlierMap(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	one, other := testenv.Git(t, dir, "rev-parse", "trunk"), testenv.Git(t, dir, "rev-parse", "origin/other")
	joined := testenv.Git(t, dir, "commit-tree", "-m", "joined", "trunk^{tree}")
	testenv.Git(t, dir, "checkout", "-q", "-b", "mine", joined)
	commit(t, dir, "mine", "mine\n", "mine")
	header, _, _ := strings.Cut(string(m.commits), "\n")
	text := header + "\n" + one + " " + joined + "\n" + other + " " + joined + "\n"
	got := outcomes(m.carry(dir, withEarlier(t, []byte(text))))["refs/heads/mine"]
	if !strings.Contains(got, "stands for both") || !strings.Contains(got, one[:12]) || !strings.Contains(got, other[:12]) {
		t.Errorf("got %q", got)
	}
	foreign := header + "\n" + strings.Repeat("1", 40) + " " + joined + "\n"
	if _, err := m.try(dir, withEarlier(t, []byte(foreign))); err == nil || !strings.Contains(err.Error(), "of another source") {
		t.Errorf("a foreign map: %v", err)
	}
}

// TestLeft lists tags and a HEAD that keep commits of one's own.
func TestLeft(t *testing.T) {
	m := moved(t, "sha1")
	dir := m.clone(true)
	testenv.Git(t, dir, "checkout", "-q", "-b", "mine")
	own := commit(t, dir, "mine", "mine\n", "mine")
	testenv.Git(t, dir, "tag", "mine/light")
	testenv.Git(t, dir, "tag", "-a", "-m", "heavy", "mine/heavy")
	testenv.Git(t, dir, "checkout", "-q", "--detach")
	commit(t, dir, "lost", "lost\n", "lost")
	testenv.Git(t, dir, "tag", "mine/lost")
	got := m.carry(dir, nil)
	var names []string
	for _, l := range got.Left {
		names = append(names, l.Name)
		if moved := !l.New.IsZero(); moved != (l.Name == "refs/tags/mine/light" || l.Name == "refs/tags/mine/heavy") {
			t.Errorf("%s: new %s", l.Name, l.New)
		}
		if l.Heavy != (l.Name == "refs/tags/mine/heavy") {
			t.Errorf("%s: heavy %v", l.Name, l.Heavy)
		}
	}
	if want := []string{"refs/tags/mine/heavy", "refs/tags/mine/light", "refs/tags/mine/lost", "HEAD"}; !cmp.Equal(want, names) || !got.Detached || got.Tags == 0 {
		t.Errorf("left %q, detached %v, %d tags", names, got.Detached, got.Tags)
	}
	if testenv.Git(t, dir, "rev-parse", "mine/light") != own {
		t.Error("a tag moved")
	}
}
