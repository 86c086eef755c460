package repo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

func TestLinkSharesPacks(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			from := rich(t, f)
			to, err := Init(t.TempDir(), f)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := to.Link(from); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(testenv.Objects(t, from.Dir()), testenv.Objects(t, to.Dir())); diff != "" {
				t.Errorf("objects differ:\n%s", diff)
			}
			packs, _ := filepath.Glob(from.path("objects/pack/pack-*"))
			for _, path := range packs {
				if filepath.Ext(path) != ".pack" && filepath.Ext(path) != ".idx" {
					continue
				}
				a, _ := os.Stat(path)
				b, err := os.Stat(to.path("objects/pack/" + filepath.Base(path)))
				if err != nil || !os.SameFile(a, b) {
					t.Errorf("%s is not shared: %v", filepath.Base(path), err)
				}
			}
		})
	}
}

func TestLinkRefusesTheOtherFormat(t *testing.T) {
	to, err := Init(t.TempDir(), object.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Link(rich(t, object.SHA1)); err == nil {
		t.Error("sha1 packs went into a sha256 repository")
	}
}

func TestCopyFile(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(from, []byte("bytes"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(from, to); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); string(got) != "bytes" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tmp_*")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}
