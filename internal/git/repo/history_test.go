package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// readHistory reads what the refs of the clone at dir reach, and HEAD.
func readHistory(t *testing.T, dir string) (*history.Graph, error) {
	t.Helper()
	r, err := repo.OpenClone(dir)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := r.Refs()
	if err != nil {
		t.Fatal(err)
	}
	var tips []object.ID
	for _, ref := range refs {
		tips = append(tips, ref.ID)
	}
	objects, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	g, err := objects.History(t.Context(), tips, repo.Scratch(t.TempDir()), 2)
	if err == nil {
		t.Cleanup(g.Close)
	}
	return g, err
}

// TestHistory reads all that refs reach, however the clone keeps it.
func TestHistory(t *testing.T) {
	commit := func(t *testing.T, dir, branch, parent string) {
		t.Helper()
		testenv.Git(t, dir, "update-ref", "refs/heads/"+branch, testenv.Git(t, dir, "commit-tree", "-p", parent, "-m", branch, parent+"^{tree}"))
	}
	for _, c := range []struct {
		name  string
		make  func(t *testing.T, from, to string)
		packs int
		loose bool
	}{
		{"one pack", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--mirror", "file://"+from, to)
		}, 1, false},
		{"many packs, one on the other", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--mirror", "file://"+from, to)
			for _, branch := range []string{"x", "y", "z"} {
				commit(t, to, branch, "trunk")
				testenv.Git(t, to, "repack", "-dq")
			}
		}, 4, false},
		{"loose tips", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--mirror", "file://"+from, to)
			commit(t, to, "x", "trunk")
			commit(t, to, "y", "x")
			testenv.Git(t, to, "tag", "-a", "-m", "m", "loose", "y")
		}, 1, true},
		{"loose below a packed tip", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--mirror", "file://"+from, to)
			commit(t, to, "x", "trunk")
			commit(t, to, "y", "x")
			y := testenv.Git(t, to, "rev-parse", "y")
			testenv.GitIn(t, to, strings.NewReader(y+"\n"), "pack-objects", "-q", filepath.Join(to, "objects/pack/pack"))
			testenv.Git(t, to, "prune-packed", "-q")
			testenv.Git(t, to, "update-ref", "-d", "refs/heads/x")
		}, 2, true},
		{"a shallow one", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--bare", "--depth=2", "--no-single-branch", "file://"+from, to)
		}, 1, false},
		{"shared, with loose tips", func(t *testing.T, from, to string) {
			testenv.Git(t, "", "clone", "-q", "--bare", "--shared", from, to)
			commit(t, to, "x", "trunk")
		}, 1, true},
	} {
		for _, format := range []string{"sha1", "sha256"} {
			t.Run(c.name+" "+format, func(t *testing.T) {
				from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to.git")
				testenv.Rich(t, from, format)
				c.make(t, from, to)
				g, err := readHistory(t, to)
				if err != nil {
					t.Fatal(err)
				}
				holdAgainstGit(t, g, to)
				r, _ := repo.OpenClone(to)
				objects, err := r.Objects()
				if err != nil {
					t.Fatal(err)
				}
				defer objects.Close()
				if n := len(objects.Packs()); n != c.packs {
					t.Errorf("%d packs, want %d", n, c.packs)
				}
				loose := false
				for range objects.Loose() {
					loose = true
				}
				if loose != c.loose {
					t.Errorf("loose objects: %v, want %v", loose, c.loose)
				}
			})
		}
	}
}

// holdAgainstGit wants every commit and tag that git finds from the refs, with its parents.
func holdAgainstGit(t *testing.T, g *history.Graph, dir string) {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, "shallow"))
	if shallow := err == nil; g.Complete() == shallow {
		t.Errorf("complete: %v, shallow: %v", g.Complete(), shallow)
	}
	tips := strings.Fields(testenv.Git(t, dir, "for-each-ref", "--format=%(objectname)"))
	var ids []object.ID
	for _, s := range tips {
		id, _ := object.ParseID(s)
		ids = append(ids, id)
	}
	reached := g.Reach(ids)
	commits := 0
	for line := range strings.Lines(testenv.Git(t, dir, "rev-list", "--all", "--parents")) {
		words := strings.Fields(line)
		id, _ := object.ParseID(words[0])
		n, ok := g.Find(id)
		if !ok || !reached.Has(n) {
			t.Fatalf("%s is not reached", id)
		}
		commits++
		var parents []string
		for p, i := g.Parents(n), 0; i < p.Len(); i++ {
			if at := p.At(i); at != history.None {
				parents = append(parents, g.ID(at).String())
			}
		}
		if !slices.Equal(parents, words[1:]) {
			t.Errorf("the parents of %s are %q, want %q", id, parents, words[1:])
		}
	}
	for n := range uint32(g.Len()) {
		if reached.Has(n) && g.Type(n) == object.Commit {
			commits--
		}
	}
	if commits != 0 {
		t.Errorf("git reaches %d more commits", commits)
	}
}

// TestHistoryDamaged breaks what has to be read; a pack that nothing leads to does no harm.
func TestHistoryDamaged(t *testing.T) {
	clone := func(t *testing.T) (dir, name string) {
		from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to.git")
		testenv.Rich(t, from, "sha1")
		testenv.Git(t, "", "clone", "-q", "--mirror", "file://"+from, to)
		names, _ := filepath.Glob(filepath.Join(to, "objects/pack/*.pack"))
		return to, names[0]
	}
	spoil := func(t *testing.T, path string, from, to int) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < min(to, len(b)); i++ {
			b[i] ^= 0xff
		}
		if err := errors.Join(os.Chmod(path, 0o644), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("pack", func(t *testing.T) {
		dir, name := clone(t)
		spoil(t, name, 12, 600)
		if _, err := readHistory(t, dir); !errors.Is(err, pack.ErrCorrupt) {
			t.Errorf("History ends with %v", err)
		}
	})
	t.Run("loose tip", func(t *testing.T) {
		dir, _ := clone(t)
		id := testenv.Git(t, dir, "commit-tree", "-m", "x", "trunk^{tree}")
		testenv.Git(t, dir, "update-ref", "refs/heads/x", id)
		spoil(t, filepath.Join(dir, "objects", id[:2], id[2:]), 60, 1<<20)
		if _, err := readHistory(t, dir); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("History ends with %v", err)
		}
	})
	t.Run("a loose commit that nothing leads to", func(t *testing.T) {
		dir, _ := clone(t)
		id := testenv.Git(t, dir, "commit-tree", "-m", "x", "trunk^{tree}")
		spoil(t, filepath.Join(dir, "objects", id[:2], id[2:]), 60, 1<<20)
		g, err := readHistory(t, dir)
		if err != nil {
			t.Fatal(err)
		}
		holdAgainstGit(t, g, dir)
	})
}
