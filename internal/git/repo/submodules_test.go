package repo

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

func TestSubmodules(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	text := "[submodule \"one\"]\n\tpath = lib/one\n\turl = ../one.git\n[submodule \"no path\"]\n\turl = x\n[core]\n\tpath = no\n[submodule \"two words\"]\n\turl = https://h/two # where it is\n\tpath = \"two words\"\n"
	testenv.FromStream(t, dir, "sha1", "commit refs/heads/main\ncommitter C <c@x> 1 +0000\ndata 0\nM 100644 inline .gitmodules\n"+
		fmt.Sprintf("data %d\n%s\n", len(text), text)+"commit refs/heads/plain\ncommitter C <c@x> 1 +0000\ndata 0\nM 100644 inline a\ndata 0\n\n")
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for branch, want := range map[string][]Submodule{
		"main":  {{"lib/one", "../one.git"}, {"two words", "https://h/two"}},
		"plain": nil,
	} {
		id, err := object.ParseID(testenv.Git(t, dir, "rev-parse", branch))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := o.Submodules(id); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", branch, got, err, want)
		}
	}
}
