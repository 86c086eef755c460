package repo_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// copied makes a function for WritePack that copies a pack of another repository.
func copied(t *testing.T, from *repo.Repo, name string, entries int64) func(p, x pack.File, _ pack.Scratch) (pack.Written, error) {
	t.Helper()
	return func(p, x pack.File, _ pack.Scratch) (pack.Written, error) {
		written := pack.Written{Entries: entries}
		for ext, to := range map[string]io.Writer{".pack": p, ".idx": x} {
			data, err := os.ReadFile(filepath.Join(from.Dir(), "objects/pack", name+ext))
			if err != nil {
				return written, err
			}
			if ext == ".pack" {
				written.Sum = data[len(data)-from.Format().Size():]
			}
			if _, err := to.Write(data); err != nil {
				return written, err
			}
		}
		return written, nil
	}
}

func TestWriteAndRemovePack(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(format.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "from.git")
			testenv.Rich(t, dir, format.String())
			from, err := repo.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			packs, err := from.PackNames()
			if err != nil || len(packs) != 1 {
				t.Fatalf("packs %q, %v", packs, err)
			}
			r, err := repo.Init(filepath.Join(t.TempDir(), "to.git"), format)
			if err != nil {
				t.Fatal(err)
			}
			before := files(t, r.Dir())
			for range 2 {
				name, err := r.WritePack(t.Context(), copied(t, from, packs[0], 1))
				if err != nil || !strings.HasPrefix(name, "pack-") {
					t.Fatalf("wrote %q, %v", name, err)
				}
				if got, err := r.PackNames(); err != nil || !cmp.Equal(got, []string{name}) {
					t.Errorf("packs %q, %v", got, err)
				}
				testenv.Git(t, r.Dir(), "index-pack", "--verify", "objects/pack/"+name+".pack")
				if diff := cmp.Diff(testenv.Objects(t, dir), testenv.Objects(t, r.Dir())); diff != "" {
					t.Errorf("objects (-from +to):\n%s", diff)
				}
			}
			packs, _ = r.PackNames()
			for range 2 {
				if err := r.RemovePack(packs[0]); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(before, files(t, r.Dir())); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
			if err := r.RemovePack("../../HEAD"); err == nil {
				t.Error("removed what is no pack")
			}
		})
	}
}

func TestWritePackLeavesNothing(t *testing.T) {
	r, err := repo.Init(filepath.Join(t.TempDir(), "r.git"), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	before := files(t, r.Dir())
	broken := errors.New("broken")
	_, err = r.WritePack(t.Context(), func(p, _ pack.File, _ pack.Scratch) (pack.Written, error) {
		_, err := p.Write([]byte("PACK"))
		return pack.Written{Entries: 1, Sum: make([]byte, 20)}, errors.Join(err, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	name, err := r.WritePack(t.Context(), func(_, _ pack.File, _ pack.Scratch) (pack.Written, error) { return pack.Written{}, nil })
	if name != "" || err != nil {
		t.Errorf("an empty pack is %q, %v", name, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.WritePack(ctx, func(_, _ pack.File, _ pack.Scratch) (pack.Written, error) {
		return pack.Written{Entries: 1, Sum: make([]byte, 20)}, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, files(t, r.Dir())); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

// TestOnly tells packs of history from those of content.
func TestOnly(t *testing.T) {
	from := filepath.Join(t.TempDir(), "from.git")
	testenv.Rich(t, from, "sha1")
	r, err := repo.Init(filepath.Join(t.TempDir(), "to.git"), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Receive(t.Context(), strings.NewReader(packOf(t, from)), repo.ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for name, want := range map[string]bool{got.HistoryName: true, got.ContentName: false} {
		if only, err := o.Pack(name).Only(object.Commit, object.Tag); only != want || err != nil {
			t.Errorf("%s: %v, %v", name, only, err)
		}
	}
	if only, err := o.Pack(got.HistoryName).Only(object.Commit); only || err != nil {
		t.Errorf("tags pass for commits: %v", err)
	}
}
