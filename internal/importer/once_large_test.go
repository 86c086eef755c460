package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/mailmap"
	"rehome/internal/testenv"
)

// withLFS makes git run git-lfs as its filter.
func withLFS(args ...string) []string {
	return append([]string{
		"-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true",
		"-c", "filter.lfs.clean=git-lfs clean -- %f", "-c", "filter.lfs.smudge=git-lfs smudge -- %f",
	}, args...)
}

// random returns bytes that nothing makes smaller.
func random(seed int64, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

// Files that largeSource has.
var (
	movie = random(1, 300<<10)
	view  = random(2, 200<<10)
	gone  = random(3, 150<<10)
	logo  = random(4, 3<<10)
)

// largeSource makes a working repository: branches that end with large files in folders, one that had one,
// a lightweight tag of one, and a small file that patterns choose.
func largeSource(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	testenv.Git(t, filepath.Dir(dir), "init", "-q", "-b", "main", dir)
	put := func(path string, data []byte) {
		path = filepath.Join(dir, path)
		must(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)))
	}
	commit := func(message string) {
		testenv.Git(t, dir, "add", "-A")
		testenv.Git(t, dir, "commit", "-q", "-m", message)
	}
	put("media/a film [1].bin", movie)
	put("media/only/scene.bin", view)
	put("art/logo.psd", logo)
	put("readme", []byte("hello\n"))
	commit("one")
	testenv.Git(t, dir, "tag", "film", testenv.Git(t, dir, "rev-parse", "HEAD:media/a film [1].bin"))
	testenv.Git(t, dir, "branch", "early")
	put("older.bin", gone)
	commit("two")
	must(t, os.Remove(filepath.Join(dir, "older.bin")))
	commit("three")
	testenv.Git(t, dir, "checkout", "-q", "-b", "without")
	must(t, os.RemoveAll(filepath.Join(dir, "media")))
	commit("four")
	testenv.Git(t, dir, "checkout", "-q", "main")
	return dir
}

func choosing(from, dir string, choice rehome.LFSChoice) OnceOptions {
	o := onceFrom(from, dir)
	o.LargeOver, o.Plan.Large = 100<<10, choice
	return o
}

func failsWith(t *testing.T, err error, code rehome.Code) {
	t.Helper()
	if rehome.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// wantFiles compares what a branch of a working repository holds with bytes.
func wantFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for path, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s holds %d bytes, %v; want %d", path, len(got), err, len(want))
		}
	}
}

// TestOnceConverts lets git-lfs clone what became of large files, and push it on.
func TestOnceConverts(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	root := t.TempDir()
	dir := filepath.Join(root, "new.git")
	o := choosing(from, dir, rehome.LFSOptIn)
	var err error
	o.Plan.Match, err = attributes.ParsePatterns([]string{"*.psd"})
	must(t, err)
	var converted int64
	o.Event = func(e rehome.Event) {
		if e.ProgressEvent != nil && e.Step == rehome.StepRewrite && e.BytesTotal != nil {
			converted = e.Bytes
		}
	}
	r, err := Once(t.Context(), o)
	must(t, err)
	size := int64(len(movie) + len(view) + len(gone) + len(logo))
	want := rehome.ReceiptLargeFiles{Over: 100 << 10, Choice: rehome.LFSOptIn, Objects: 4, Bytes: size}
	if got := r.Body.LargeFiles; got.Choice != want.Choice || got.Over != want.Over || got.Objects != 4 || got.Bytes != size || len(got.Removed) > 0 {
		t.Errorf("receipt has %+v, want %+v", got, want)
	}
	if converted != size || r.Head.Changed != 4 {
		t.Errorf("%d bytes told, %d commits changed", converted, r.Head.Changed)
	}
	wantOnly(t, root, "new.git")
	wantOnly(t, filepath.Join(dir, "lfs"), "objects")
	testenv.Git(t, dir, "fsck", "--strict", "--full")
	if packs, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.pack")); len(packs) != 2 {
		t.Errorf("packs: %q", packs)
	}
	if _, err := testenv.Run(t.Context(), dir, nil, "cat-file", "-e", testenv.Git(t, from, "rev-parse", "film")); err == nil {
		t.Error("a converted file is still there")
	}
	upstream := filepath.Join(root, "upstream.git")
	testenv.Git(t, root, "init", "-q", "-b", "main", "--bare", upstream)
	testenv.Git(t, dir, "lfs", "push", "--all", "file://"+upstream)
	testenv.Git(t, dir, "push", "-q", "--mirror", upstream)
	for _, at := range []string{dir, upstream} {
		clone := filepath.Join(t.TempDir(), "clone")
		testenv.Git(t, root, withLFS("clone", "-q", at, clone)...)
		wantFiles(t, clone, map[string][]byte{"media/a film [1].bin": movie, "media/only/scene.bin": view, "art/logo.psd": logo, "readme": []byte("hello\n")})
		testenv.Git(t, clone, withLFS("checkout", "-q", "HEAD~1")...)
		wantFiles(t, clone, map[string][]byte{"older.bin": gone})
		testenv.Git(t, clone, "lfs", "fsck")
		if changed := testenv.Git(t, clone, withLFS("status", "--porcelain")...); changed != "" {
			t.Errorf("changed in a clone: %s", changed)
		}
	}
}

func TestOnceRemoves(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	root := t.TempDir()
	dir := filepath.Join(root, "new.git")
	o := choosing(from, dir, rehome.LFSOptOut)
	_, err := Once(t.Context(), o)
	failsWith(t, err, rehome.Invalid)
	said := rehome.AsError(err)
	if want := "media/a film [1].bin (early, main), media/only/scene.bin (early, main)."; !strings.HasSuffix(said.Message, want) || !strings.Contains(said.Hint, "--remove-from-tips") {
		t.Errorf("refused with %q, %q; want %q", said.Message, said.Hint, want)
	}
	wantOnly(t, root)

	o.Plan.FromTips = true
	r, err := Once(t.Context(), o)
	must(t, err)
	if want := []string{"media/a film [1].bin", "media/only/scene.bin", "older.bin"}; !slices.Equal(r.Body.LargeFiles.Removed, want) || r.Body.LargeFiles.Objects != 3 {
		t.Errorf("receipt has %+v, want paths %q", r.Body.LargeFiles, want)
	}
	if s := r.Refs.Skipped; len(s) != 1 || s[0].Name != "refs/tags/film" || s[0].Reason != reasonRemoved {
		t.Errorf("skipped %+v", s)
	}
	testenv.Git(t, dir, "fsck", "--strict", "--full")
	if all := testenv.Objects(t, dir); slices.ContainsFunc(all, func(o string) bool { return strings.Contains(o, testenv.Git(t, from, "rev-parse", "film")) }) {
		t.Error("a removed file is still there")
	}
	if got := testenv.Git(t, dir, "ls-tree", "-r", "--name-only", "main"); got != "art/logo.psd\nreadme" {
		t.Errorf("main holds %q", got)
	}
	wantOnly(t, root, "new.git")
	if _, err := os.Stat(filepath.Join(dir, "lfs")); err == nil {
		t.Error("a store was made for nothing")
	}
}

// TestOnceRemovesHistory needs no leave for what no branch ends with.
func TestOnceRemovesHistory(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	dir := filepath.Join(t.TempDir(), "new.git")
	o := choosing(from, dir, rehome.LFSOptOut)
	o.LargeOver = 1 << 30
	var err error
	o.Plan.Match, err = attributes.ParsePatterns([]string{"/older.*"})
	must(t, err)
	r, err := Once(t.Context(), o)
	must(t, err)
	if !slices.Equal(r.Body.LargeFiles.Removed, []string{"older.bin"}) || r.Head.Changed == 0 || len(r.Refs.Skipped) > 0 {
		t.Errorf("receipt has %+v, %+v", r.Body.LargeFiles, r.Refs.Skipped)
	}
	testenv.Git(t, dir, "fsck", "--full")
}

// TestOnceFindsNothingLarge says so.
func TestOnceFindsNothingLarge(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	dir := filepath.Join(t.TempDir(), "new.git")
	o := choosing(from, dir, rehome.LFSOptIn)
	o.LargeOver = 1 << 30
	r, err := Once(t.Context(), o)
	must(t, err)
	wantSame(t, dir, from)
	if w := r.Body.Warnings; len(w) != 1 || w[0].Kind != warnNoLarge || r.Body.LargeFiles.Objects != 0 {
		t.Errorf("warnings %+v, %+v", w, r.Body.LargeFiles)
	}
	if _, err := os.Stat(filepath.Join(dir, "lfs")); err == nil {
		t.Error("a store was made for nothing")
	}
}

// TestOnceConvertsWithAuthors makes one history of both, with a map to it.
func TestOnceConvertsWithAuthors(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	dir := filepath.Join(t.TempDir(), "new.git")
	o := choosing(from, dir, rehome.LFSOptIn)
	people, err := mailmap.Parse([]byte("Ada <ada@new.example> <ada@example.com>\n"))
	must(t, err)
	var ids bytes.Buffer
	o.Plan.Authors, o.Plan.CommitMap = people, &ids
	r, err := Once(t.Context(), o)
	must(t, err)
	tip := testenv.Git(t, dir, "rev-parse", "main")
	if !strings.Contains(ids.String(), testenv.Git(t, from, "rev-parse", "main")+" "+tip) {
		t.Errorf("the commit map lacks the tip:\n%s", ids.String())
	}
	if got := testenv.Git(t, dir, "log", "-1", "--format=%ae", "main"); got != "ada@new.example" || r.Body.Authors.Mapped != 1 || r.Body.LargeFiles.Objects != 3 {
		t.Errorf("%s wrote the tip; receipt: %+v", got, r.Body)
	}
}

// TestOnceInterruptedWhileItConverts leaves nothing.
func TestOnceInterruptedWhileItConverts(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	o := choosing(largeSource(t), filepath.Join(root, "new.git"), rehome.LFSOptIn)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Event = func(e rehome.Event) {
		if e.Status == rehome.Mapping {
			cancel()
		}
	}
	_, err := Once(ctx, o)
	failsWith(t, err, rehome.Cancelled)
	wantOnly(t, root)
}

// lfsSource makes a repository whose large files git-lfs looks after.
func lfsSource(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "src")
	testenv.Git(t, filepath.Dir(dir), "init", "-q", "-b", "main", dir)
	for path, data := range map[string][]byte{".gitattributes": []byte("*.bin filter=lfs diff=lfs merge=lfs -text\n"), "film.bin": movie, "scene.bin": view} {
		must(t, os.WriteFile(filepath.Join(dir, path), data, 0o644))
	}
	testenv.Git(t, dir, withLFS("add", "-A")...)
	testenv.Git(t, dir, withLFS("commit", "-q", "-m", "one")...)
	return dir
}

// objectFile is where a repository has a Git LFS object of some bytes.
func objectFile(t *testing.T, gitDir string, data []byte) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(gitDir, "lfs/objects/*/*/*"))
	must(t, err)
	for _, file := range found {
		if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, data) {
			return file
		}
	}
	t.Fatalf("%s has no such object", gitDir)
	return ""
}

func TestOnceCarriesLFS(t *testing.T) {
	t.Parallel()
	from := lfsSource(t)
	root := t.TempDir()
	dir := filepath.Join(root, "new.git")
	o := onceFrom(from, dir)
	var told int64
	o.Event = func(e rehome.Event) {
		if e.ProgressEvent != nil && e.LFSTotal != nil {
			told = *e.LFSTotal
		}
	}
	r, err := Once(t.Context(), o)
	must(t, err)
	if got := r.Body.LFS; got.Carried != 2 || got.Bytes != int64(len(movie)+len(view)) || len(got.Missing) > 0 || told > 2 {
		t.Errorf("receipt has %+v, %d told", got, told)
	}
	wantSame(t, dir, from)
	wantOnly(t, filepath.Join(dir, "lfs"), "objects")
	clone := filepath.Join(root, "clone")
	testenv.Git(t, root, withLFS("clone", "-q", dir, clone)...)
	wantFiles(t, clone, map[string][]byte{"film.bin": movie, "scene.bin": view})
}

func TestOnceMissesLFS(t *testing.T) {
	t.Parallel()
	from := lfsSource(t)
	root := t.TempDir()
	dir := filepath.Join(root, "new.git")
	lost := objectFile(t, filepath.Join(from, ".git"), view)
	must(t, os.Remove(lost))
	o := onceFrom(from, dir)
	_, err := Once(t.Context(), o)
	failsWith(t, err, rehome.LFSMissing)
	if said := err.Error(); !strings.Contains(said, "scene.bin in refs/heads/main ("+filepath.Base(lost)) {
		t.Errorf("got %q", said)
	}
	wantOnly(t, root)
	o.AllowMissingLFS = true
	r, err := Once(t.Context(), o)
	must(t, err)
	want := rehome.MissingLFS{OID: filepath.Base(lost), Size: int64(len(view)), Path: "scene.bin", Ref: "refs/heads/main"}
	if got := r.Body.LFS; got.Carried != 1 || !reflect.DeepEqual(got.Missing, []rehome.MissingLFS{want}) {
		t.Errorf("receipt has %+v, want %+v", got, want)
	}
	wantFiles(t, filepath.Dir(objectFile(t, dir, movie)), nil)
}

func TestInspectLargeFiles(t *testing.T) {
	t.Parallel()
	from := largeSource(t)
	none, err := Inspect(t.Context(), choosing(from, t.TempDir(), ""))
	must(t, err)
	if none.Plan.LargeFiles != nil || len(none.LargeFiles) != 3 {
		t.Errorf("a plan for nothing: %+v", none.Plan.LargeFiles)
	}
	all := int64(len(movie) + len(view) + len(gone))
	work := t.TempDir()
	in, err := Inspect(t.Context(), choosing(from, work, rehome.LFSOptIn))
	must(t, err)
	if got := in.Plan.LargeFiles; got.Choice != rehome.LFSOptIn || got.Files != 3 || got.Bytes != all || len(got.Removed)+len(got.Skipped)+len(got.Tips) > 0 {
		t.Errorf("convert: %+v", got)
	}
	out, err := Inspect(t.Context(), choosing(from, work, rehome.LFSOptOut))
	must(t, err)
	got := out.Plan.LargeFiles
	if got.Files != 3 || got.Bytes != all || len(got.Removed) != 3 || len(got.Skipped) != 1 || out.Plan.CommitsChanged != in.Plan.CommitsChanged || len(out.Authors) != len(none.Authors) {
		t.Errorf("remove: %+v, %+v", got, out.Plan)
	}
	if len(got.Tips) != 2 || got.Tips[0].Path != "media/a film [1].bin" || !slices.Equal(got.Tips[0].Branches, []string{"early", "main"}) {
		t.Errorf("at tips: %+v", got.Tips)
	}
	wantOnly(t, work)
}

// TestInspectCountsPointers asks no source for Git LFS objects.
func TestInspectCountsPointers(t *testing.T) {
	t.Parallel()
	from := lfsSource(t)
	must(t, os.RemoveAll(filepath.Join(from, ".git", "lfs")))
	found, err := Inspect(t.Context(), onceFrom(from, t.TempDir()))
	must(t, err)
	if found.LFS.Pointers != 2 || len(found.Faults) > 0 {
		t.Errorf("%d pointers, faults %v", found.LFS.Pointers, found.Faults)
	}
}

func TestLostAtTips(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Git(t, t.TempDir(), "init", "-q", "--bare", dir)
	blob := testenv.GitIn(t, dir, strings.NewReader("x"), "hash-object", "-w", "--stdin")
	tree := func(lines ...string) string {
		return testenv.GitIn(t, dir, strings.NewReader(strings.Join(lines, "\n")+"\n"), "mktree", "--missing")
	}
	file := func(name string) string { return "100644 blob " + blob + "\t" + name }
	commit := func(tree string) finalRef {
		id, err := object.ParseID(testenv.Git(t, dir, "commit-tree", "-m", "x", tree))
		must(t, err)
		return finalRef{source: id, final: id}
	}
	before := commit(tree(file("a"), file("b"), "040000 tree "+tree(file("c"), file("d"))+"\te", "040000 tree "+tree(file("f"))+"\tg", "160000 commit "+strings.Repeat("1", 40)+"\th"))
	after := commit(tree(file("a"), "040000 tree "+tree(file("d"))+"\te"))
	change := func(name string) finalRef { return finalRef{name: name, source: before.source, final: after.final} }
	stays := before
	stays.name = "refs/heads/stays"
	r, err := repo.Open(dir)
	must(t, err)
	got, err := lostAtTips(t.Context(), r, []finalRef{
		change("refs/heads/one"), change("refs/heads/\xff"), change("refs/tags/two"), stays,
		{name: "refs/heads/blob", source: before.source, removed: true},
	})
	must(t, err)
	var text []string
	for _, f := range got {
		text = append(text, fmt.Sprint(f.Path, f.Branches))
	}
	want := []string{"b[one \uFFFD]", "blob[blob]", "e/c[one \uFFFD]", "g/f[one \uFFFD]"}
	if !slices.Equal(text, want) {
		t.Errorf("got %q, want %q", text, want)
	}
}

func TestTipsError(t *testing.T) {
	t.Parallel()
	var files []rehome.TipFile
	for i := range 12 {
		files = append(files, rehome.NewTipFile(fmt.Sprintf("f%02d\x1b", i), []string{"a", "b", "c", "d"}))
	}
	said := rehome.AsError(tipsError(files)).Message
	if strings.Count(said, "(a, b, c and 1 more)") != 10 || !strings.HasSuffix(said, "and 2 more.") || strings.Contains(said, "\x1b") {
		t.Errorf("got %q", said)
	}
}

// TestTidyLFS keeps what there is of objects, and nothing else.
func TestTidyLFS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, tidyLFS(dir))
	_, err := localLFS(dir)
	must(t, err)
	must(t, tidyLFS(dir))
	wantOnly(t, dir)
	store, err := localLFS(dir)
	must(t, err)
	w, err := store.Create()
	must(t, err)
	_, err = w.Write(movie)
	must(t, err)
	var kept lfs.Object
	kept, err = w.Keep(t.Context())
	must(t, err)
	must(t, tidyLFS(dir))
	wantOnly(t, filepath.Join(dir, "lfs"), "objects")
	if there, err := store.Has(t.Context(), kept); err != nil || !there {
		t.Errorf("the object is there: %v, %v", there, err)
	}
}
