package rewrite_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/lfs"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// withFilters are settings that make git use git-lfs, as git lfs install makes them.
var withFilters = []string{"-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.required=true"}

// manyFiles is a history of three commits whose files have names of all kinds; all of the last are
// there in the first as well, small or large.
func manyFiles(t *testing.T) history {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Empty(t, dir, "sha1")
	var s strings.Builder
	file := func(path, text string) { s.WriteString(testenv.Inline(path, text)) }
	for n := range 3 {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter C <c@x> %d +0000\ndata 0\n", n)
		for _, folder := range []string{"", "d/", "a b/é/", "[f]*/"} {
			for i, name := range append(largeNames, "line\nfeed.bin", "\u65e5\u672c.bin", "*", "?", "**", `\`, "]") {
				text := fmt.Sprintf("small %d\n", i)
				switch {
				case name == ".lfsconfig":
					text = "[lfs]\n" // git-lfs reads it
				case (i+n)%3 > 0 && name != ".gitignore": // git lfs migrate converts that, too
					text = strings.Repeat(fmt.Sprintf("large %s%s %d\r\n", folder, name, n), 60)
				}
				file(folder+name, text)
			}
		}
		file(".gitattributes", "*.txt text\n*.bin -text\n")
		file("a b/.gitattributes", "*.bin -filter\n")
	}
	testenv.GitIn(t, dir, strings.NewReader(s.String()), "fast-import", "--quiet")
	testenv.Git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main")
	return split(t, dir)
}

// split repacks a repository into a pack of history and one of content.
func split(t *testing.T, dir string) history {
	t.Helper()
	var commits, rest strings.Builder
	for id, o := range readAll(t, dir) {
		if o.kind == "commit" || o.kind == "tag" {
			fmt.Fprintln(&commits, id)
		} else {
			fmt.Fprintln(&rest, id)
		}
	}
	to := filepath.Join(t.TempDir(), "raw.git")
	testenv.Empty(t, to, "sha1")
	for _, list := range []*strings.Builder{&commits, &rest} {
		testenv.GitIn(t, dir, strings.NewReader(list.String()), "pack-objects", "-q", filepath.Join(to, "objects/pack/pack"))
	}
	for _, ref := range testenv.ShowRefs(t, dir) {
		id, name, _ := strings.Cut(ref, " ")
		testenv.Git(t, to, "update-ref", name, id)
	}
	return open(t, to)
}

// TestLargeClone has git-lfs clone what was rewritten, at each commit: the bytes are those of the
// source.
func TestLargeClone(t *testing.T) {
	from := manyFiles(t)
	to, _ := tryLarge(t, from, largePlan(t, rehome.LFSOptIn, nil), 2)
	testenv.Git(t, to.Dir(), "symbolic-ref", "HEAD", "refs/heads/main")
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, ".", append(withFilters[:len(withFilters):len(withFilters)], "clone", "-q", "file://"+to.Dir(), clone)...)
	source, err := filepath.Glob(filepath.Join(to.Dir(), "lfs/objects/*/*/*"))
	if err != nil || len(source) == 0 {
		t.Fatalf("%d objects, %v", len(source), err)
	}
	for _, back := range []string{"", "~1", "~2"} {
		testenv.Git(t, clone, append(withFilters[:len(withFilters):len(withFilters)], "checkout", "-q", "--detach", "origin/main"+back)...)
		if status := testenv.Git(t, clone, append(withFilters[:len(withFilters):len(withFilters)], "status", "--porcelain")...); status != "" {
			t.Errorf("main%s: git sees changes: %s", back, status)
		}
		files := 0
		for entry := range strings.SplitSeq(testenv.Git(t, from.Dir(), "ls-tree", "-r", "-z", "main"+back), "\x00") {
			head, path, ok := strings.Cut(entry, "\t")
			if !ok || strings.HasSuffix(path, ".gitattributes") {
				continue
			}
			files++
			got, err := os.ReadFile(filepath.Join(clone, path))
			if want := blob(t, from.Dir(), strings.Fields(head)[2]); err != nil || !bytes.Equal(got, want) {
				t.Errorf("main%s: %q has %d bytes, want %d, %v", back, path, len(got), len(want), err)
			}
		}
		if files < 80 {
			t.Errorf("main%s: %d files", back, files)
		}
	}
}

// blob reads a blob with git.
func blob(t *testing.T, dir, id string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "cat-file", "blob", id)
	cmd.Dir, cmd.Env = dir, testenv.Env()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLargeObjectsAsMigrate compares the Git LFS objects with those that git lfs migrate makes.
func TestLargeObjectsAsMigrate(t *testing.T) {
	from := manyFiles(t)
	to, _ := tryLarge(t, from, largePlan(t, rehome.LFSOptIn, nil), 1)
	theirs := filepath.Join(t.TempDir(), "theirs.git")
	testenv.Git(t, ".", "clone", "-q", "--mirror", from.Dir(), theirs)
	testenv.Git(t, theirs, "lfs", "migrate", "import", "--everything", fmt.Sprintf("--above=%db", largeOver), "--yes")
	objects := func(dir string) string {
		var list strings.Builder
		files, err := filepath.Glob(filepath.Join(dir, "lfs/objects/*/*/*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d objects in %s, %v", len(files), dir, err)
		}
		for _, file := range files {
			oid, err := lfs.ParseOID(filepath.Base(file))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&list, oid)
		}
		return list.String()
	}
	if ours, git := objects(to.Dir()), objects(theirs); ours != git {
		t.Errorf("%d objects, git lfs migrate makes %d", strings.Count(ours, "\n"), strings.Count(git, "\n"))
	}
}

// TestLargeThereAndBack has a rewrite begin from what another one left and from the source alone: it
// comes to the same.
func TestLargeThereAndBack(t *testing.T) {
	from := manyFiles(t)
	first, _ := tryLarge(t, from, largePlan(t, rehome.LFSOptIn, []string{"d/"}), 1)
	again, _ := tryLarge(t, from, largePlan(t, rehome.LFSOptIn, []string{"d/"}), 2)
	if !first.summary(t).equal(again.summary(t)) || first.result.Content == "" {
		t.Error("the same rewrite comes to something else")
	}
	if kept, _ := tryLarge(t, from, largePlan(t, rehome.LFSUndecided, nil), 1); kept.result.Changed() {
		t.Errorf("undecided makes %q, %q", kept.result.Pack, kept.result.Content)
	}
	// What was converted has nothing left to convert.
	second, _ := tryLarge(t, first.history, largePlan(t, rehome.LFSOptIn, []string{"d/"}), 1)
	if second.result.Changed() {
		t.Errorf("a second time it makes %q, %q", second.result.Pack, second.result.Content)
	}
}

// TestLargeBeforeOtherRefs takes a rewrite of fewer refs for the one before: what they did not lead to is
// converted all the same. With the same refs, what it made is taken over.
func TestLargeBeforeOtherRefs(t *testing.T) {
	from := manyFiles(t)
	plan := largePlan(t, rehome.LFSOptIn, nil)
	want, _ := tryLarge(t, from, plan, 1)
	for _, c := range []struct {
		name string
		at   string
		same bool
	}{{"the same", "main", true}, {"fewer", "main~2", false}} {
		t.Run(c.name, func(t *testing.T) {
			first := from
			first.refs = slices.Clone(from.refs)
			id, err := object.ParseID(testenv.Git(t, from.Dir(), "rev-parse", c.at))
			if err != nil {
				t.Fatal(err)
			}
			first.refs[0].ID = id
			before, store := tryLarge(t, first, plan, 1)
			var saved bytes.Buffer
			if err := before.result.Save(&saved); err != nil {
				t.Fatal(err)
			}
			b, err := rewrite.OpenBefore(before.Repo, saved.Bytes(), "")
			if err != nil || b == nil {
				t.Fatalf("%v, %v", b, err)
			}
			r, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: into(t, from), Plan: plan, Store: store, Before: b})
			if err != nil {
				t.Fatal(err)
			}
			if r.Refs[0] != want.result.Refs[0] || (r.Content == before.result.Content) != c.same {
				t.Errorf("%+v in %s, want %+v", r.Refs[0], r.Content, want.result.Refs[0])
			}
		})
	}
}

// TestLargeInPlace rewrites a repository in itself: once what was replaced is gone, it is what comes out elsewhere.
func TestLargeInPlace(t *testing.T) {
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		from := manyFiles(t)
		plan := largePlan(t, choice, []string{"d/"})
		want, store := tryLarge(t, from, plan, 1)
		r, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: from.Repo, Plan: plan, Store: store})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range r.Replaced {
			if err := from.RemovePack(name); err != nil {
				t.Fatal(err)
			}
		}
		for _, ref := range r.Refs {
			testenv.Git(t, from.Dir(), "update-ref", ref.Name, ref.Final.String())
		}
		if !slices.Equal(r.Refs, want.result.Refs) || len(r.Replaced) != 2 {
			t.Errorf("%s: %+v, want %+v", choice, r.Refs, want.result.Refs)
		}
		testenv.Git(t, from.Dir(), "fsck", "--connectivity-only")
	}
}
