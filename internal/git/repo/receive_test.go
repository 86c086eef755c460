package repo_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// packOf returns all objects of the repository at dir as one pack, made by git.
func packOf(t *testing.T, dir string) string {
	t.Helper()
	return string(testenv.GitBytes(t, dir, strings.NewReader(""), "pack-objects", "--all", "--stdout", "-q", "--delta-base-offset"))
}

// files lists everything below dir that is not a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestReceive receives what git packed; git then finds the same objects and nothing wrong.
func TestReceive(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		t.Run(format.String(), func(t *testing.T) {
			from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to.git")
			testenv.Rich(t, from, format.String())
			r, err := repo.Init(to, format)
			if err != nil {
				t.Fatal(err)
			}
			before := files(t, to)
			got, err := r.Receive(t.Context(), strings.NewReader(packOf(t, from)), repo.ReceiveOptions{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(testenv.Objects(t, from), testenv.Objects(t, to)); diff != "" {
				t.Errorf("objects (-from +to):\n%s", diff)
			}
			if n := int64(len(testenv.Objects(t, to))); got.Objects() != n {
				t.Errorf("counts %d objects of %d", got.Objects(), n)
			}
			testenv.Git(t, to, "fsck", "--full")
			if n := len(files(t, to)) - len(before); n != 4 {
				t.Errorf("%d files came, want two packs with their indexes", n)
			}
			readAll(t, r, testenv.Objects(t, to))
		})
	}
}

// readAll reads each object back and hashes it.
func readAll(t *testing.T, r *repo.Repo, ids []string) {
	t.Helper()
	o, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	hasher := object.NewHasher(r.Format())
	for _, text := range ids {
		id, err := object.ParseID(strings.Fields(text)[0])
		if err != nil {
			t.Fatal(err)
		}
		typ, data, err := o.Read(id)
		if err != nil {
			t.Fatal(err)
		}
		if have, err := hasher.Sum(typ, data); err != nil || have != id {
			t.Errorf("%s reads as %s, %v", id, have, err)
		}
		if again, err := o.Type(id); err != nil || again != typ || !o.Has(id) {
			t.Errorf("%s: type %s, %v", id, again, err)
		}
	}
	if _, _, err := o.Read(r.Format().Zero()); !errors.Is(err, repo.ErrNoObject) {
		t.Errorf("missing object: %v", err)
	}
}

// TestReceiveLeavesNothing cuts the pack off: not a file stays behind.
func TestReceiveLeavesNothing(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "to.git")
	testenv.Rich(t, from, "sha1")
	r, err := repo.Init(to, object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	before, whole := files(t, to), packOf(t, from)
	for n := 0; n < len(whole); n += 101 {
		if _, err := r.Receive(t.Context(), strings.NewReader(whole[:n]), repo.ReceiveOptions{}); err == nil {
			t.Fatalf("cut at %d of %d: accepted", n, len(whole))
		}
	}
	if diff := cmp.Diff(before, files(t, to)); diff != "" {
		t.Errorf("files (-before +after):\n%s", diff)
	}
}

// TestFault uses memory whose file was cut short under it, which is what a full disk looks like.
func TestFault(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "short")
	if err := os.WriteFile(path, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mem, err := unix.Mmap(int(f.Fd()), 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	err = pack.Guard(func() error { mem[1<<15] = 1; return nil })
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
}

// TestReceiveBeside has the place of the content pack taken, so that it cannot be installed: what
// came with it goes again, and what was there before stays.
func TestReceiveBeside(t *testing.T) {
	from, whole := filepath.Join(t.TempDir(), "from.git"), filepath.Join(t.TempDir(), "whole.git")
	testenv.Rich(t, from, "sha1")
	source, err := repo.Init(whole, object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	in := packOf(t, from)
	got, err := source.Receive(t.Context(), strings.NewReader(in), repo.ReceiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, there := range []bool{false, true} {
		to := filepath.Join(t.TempDir(), "to.git")
		r, err := repo.Init(to, object.SHA1)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(to, "objects/pack", got.ContentName+".pack", "taken"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, ext := range []string{".pack", ".idx"} {
			name := filepath.Join("objects/pack", got.HistoryName+ext)
			if there {
				if err := os.Link(filepath.Join(whole, name), filepath.Join(to, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		before := files(t, to)
		if _, err := r.Receive(t.Context(), strings.NewReader(in), repo.ReceiveOptions{}); err == nil {
			t.Fatal("installed over a folder")
		}
		if diff := cmp.Diff(before, files(t, to)); diff != "" {
			t.Errorf("files, history there before: %v (-before +after):\n%s", there, diff)
		}
	}
	if again, err := source.Receive(t.Context(), strings.NewReader(in), repo.ReceiveOptions{}); err != nil || again.HistoryName != got.HistoryName {
		t.Errorf("the same pack again: %+v, %v", again, err)
	}
	testenv.Git(t, whole, "fsck", "--full")
}
