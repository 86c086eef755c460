package main

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/testenv"
)

// TestWriteLarge makes a small history of the kind that conversions are measured on.
func TestWriteLarge(t *testing.T) {
	shape := largeShape{commits: 840, releases: 9, unit: 4000}
	var streams [2]bytes.Buffer
	for i := range streams {
		if err := writeLarge(&streams[i], shape); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(streams[0].Bytes(), streams[1].Bytes()) {
		t.Error("the same shape made two histories")
	}
	dir := filepath.Join(t.TempDir(), "large.git")
	if err := synthesize(t.Context(), dir, func(w io.Writer) error { _, err := streams[0].WriteTo(w); return err }); err != nil {
		t.Fatal(err)
	}
	if got := testenv.Git(t, dir, "rev-list", "--count", "--all"); got != "840" {
		t.Errorf("%s commits, want 840", got)
	}
	tip := testenv.Git(t, dir, "ls-tree", "-r", "--name-only", "-z", "trunk")
	for path, want := range map[string]bool{
		"packages/core/dist/bundle-1.min.js": true, "packages/core/dist/bundle-2.min.js.map": false, "dist/bundle-1.min.js": false,
		"docs/js/bundle-15.js": true, "docs/img/picture (1).png": true, "docs/img/picture (0).png": false,
	} {
		if got := strings.Contains("\x00"+tip, "\x00"+path+"\x00"); got != want {
			t.Errorf("%s at the tip: %v, want %v", path, got, want)
		}
	}
}

// TestCountAttributeLines counts where one line is for a path that is no pointer, and one pointer has no line.
func TestCountAttributeLines(t *testing.T) {
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	const line = " filter=lfs diff=lfs merge=lfs -text\n"
	dir := filepath.Join(t.TempDir(), "a.git")
	var s strings.Builder
	commit := func(files ...string) {
		s.WriteString("commit refs/heads/trunk\ncommitter A <a> 1 +0000\ndata 1\nm\n")
		for i := 0; i < len(files); i += 2 {
			s.WriteString("M 100644 inline " + files[i] + "\ndata <<end\n" + files[i+1] + "end\n\n")
		}
	}
	commit("a.bin", pointer, "d/b.bin", pointer, ".gitattributes", "*.txt text\n/a.bin"+line)
	commit("a.bin", "no pointer\n", ".gitattributes", "/a.bin"+line+"/d/b.bin"+line)
	testenv.FromStream(t, dir, "sha1", s.String())
	got, err := countAttributeLines(t.Context(), dir)
	if want := (attributeLines{commits: 2, lines: 3, stale: 1, uncovered: 1}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}
