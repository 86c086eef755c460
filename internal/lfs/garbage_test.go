package lfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rehome/internal/bucket"
	"rehome/internal/lfs"
)

// Every object is listed once, and what else is in the bucket is not.
func TestEach(t *testing.T) {
	dir := t.TempDir()
	b, err := bucket.NewFolder(filepath.Join(dir, "bucket"))
	must(t, err)
	s, err := lfs.NewStore(b, filepath.Join(dir, "spool"))
	must(t, err)
	var want []lfs.Object
	for _, content := range []string{"one", "two", "three", ""} {
		w := begin(t, s, content)
		must(t, w.KeepAs(t.Context(), objectOf(content)))
		want = append(want, objectOf(content))
	}
	stray := filepath.Join(dir, "stray")
	must(t, os.WriteFile(stray, []byte("x"), 0o600))
	for _, key := range []string{"imports/7/1/files/s-00", "ab/cd/ab", "ab/cd/" + want[0].OID.String()} {
		must(t, b.Put(t.Context(), key, stray))
	}
	slices.SortFunc(want, func(a, b lfs.Object) int { return slices.Compare(a.OID[:], b.OID[:]) })
	var got []lfs.Object
	must(t, s.Each(t.Context(), func(o lfs.Stored) error {
		if o.Since.IsZero() {
			t.Errorf("%v is there since no time", o.OID)
		}
		got = append(got, o.Object)
		return nil
	}))
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	enough := errors.New("enough")
	if err := s.Each(t.Context(), func(lfs.Stored) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("went on after %v", err)
	}
}

// The spool keeps what somebody writes, and loses what nobody does.
func TestTidy(t *testing.T) {
	dir := t.TempDir()
	s, err := lfs.Local(dir)
	must(t, err)
	w := begin(t, s, "one")
	dead := filepath.Join(dir, "tmp", "rehome-dead")
	must(t, os.WriteFile(dead, []byte("x"), 0o600))
	must(t, s.Tidy())
	if _, err := os.Stat(dead); err == nil {
		t.Error("what a dead process left is there")
	}
	must(t, w.KeepAs(t.Context(), objectOf("one")))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
