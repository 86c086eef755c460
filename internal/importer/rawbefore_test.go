package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/testenv"
)

// grown is an import of a source that changes, with what a fetch of all of it would find.
type grown struct {
	*world
	r    rehome.Repository
	from string
	over int64
}

// again restarts the import and works until nothing is due.
func (g *grown) again() rehome.Import {
	g.t.Helper()
	_, err := g.Update(g.t.Context(), g.r.ID, UpdateRequest{})
	must(g.t, err)
	g.work()
	i := g.get(g.r)
	wantStatus(g.t, i, rehome.Complete, "", "")
	return i
}

// packs returns how many packs the raw repository has.
func (g *grown) packs() int {
	g.t.Helper()
	names, err := filepath.Glob(filepath.Join(g.Folder.raw(g.get(g.r).ID), "objects/pack/*.pack"))
	must(g.t, err)
	return len(names)
}

// wantKnown holds what is stored of the raw step against what a fetch of all finds, of a source that has not lost anything, and
// against what the raw repository says of itself.
func (g *grown) wantKnown() {
	g.t.Helper()
	ctx := g.t.Context()
	i := g.get(g.r)
	known, err := g.knownFacts(ctx, i.ID)
	must(g.t, err)
	known.Last = nil // of the push; the raw step only passes it on
	got, err := fetchRaw(ctx, g.Source[rehome.Git], source.Request{
		Location: remote.Location{Path: g.from}, Dir: filepath.Join(g.t.TempDir(), "whole"),
	}, rawOptions{LargeOver: g.over, Shape: true})
	must(g.t, err)
	g.wantShape(got.found.Shape)
	want := factsOf(got, g.over, known.Started)
	want.LFS = known.LFS // of another test
	for n := range want.Warnings {
		want.Warnings[n].Object = "" // the first one in its pack
	}
	have := known
	have.Warnings = nil
	for _, w := range known.Warnings {
		w.Object = ""
		have.Warnings = append(have.Warnings, w)
	}
	if !reflect.DeepEqual(have, want) {
		g.t.Errorf("what is known of the raw repository:\n%+v\nwant\n%+v", have, want)
	}
	if i.Found.Commits != want.Commits || i.Found.Authors != int64(len(got.found.Identities)) {
		g.t.Errorf("found %+v, want %d commits and %d identities", i.Found, want.Commits, len(got.found.Identities))
	}
	files, err := g.DB.LargeFiles(ctx, i.ID, 0, 0)
	must(g.t, err)
	if !reflect.DeepEqual(files, got.found.LargeFiles) {
		g.t.Errorf("large files %+v, want %+v", files, got.found.LargeFiles)
	}
	before, err := openBefore(g.Folder.raw(i.ID))
	must(g.t, err)
	if before == nil || !reflect.DeepEqual(asJSON(g.t, before.Facts), asJSON(g.t, known)) {
		g.t.Errorf("the raw repository says %+v, the rows %+v", before, known)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return string(text)
}

// odd makes a commit with a fault that is kept, on a ref.
func odd(t testing.TB, dir, ref string) {
	t.Helper()
	tree := testenv.Git(t, dir, "rev-parse", ref+"^{tree}")
	text := fmt.Sprintf("tree %s\nparent %s\nauthor Odd <odd@example.com> 1720000000 +051800\ncommitter Odd <odd@example.com> 1720000000 +0000\n\nodd\n", tree, testenv.Git(t, dir, "rev-parse", ref))
	id := testenv.GitIn(t, dir, strings.NewReader(text), "hash-object", "-t", "commit", "-w", "--literally", "--stdin")
	testenv.Git(t, dir, "update-ref", ref, id)
}

// TestRestartsTakeUpWhatIsNew grows a source in many ways and restarts its import after each: only what is new is
// fetched, and what is known afterwards is what a fetch of all finds.
func TestRestartsTakeUpWhatIsNew(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		for _, people := range []map[string]string{nil, {ada: hubot}} {
			t.Run(fmt.Sprint(format, len(people)), func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				from := filepath.Join(root, "old.git")
				richAt(t, from, format)
				server := testenv.NewServer(t, root, testenv.Options{})
				g := &grown{world: newWorld(t, func(o *Options) { o.LargeOver = 3000 }), from: from, over: 3000}
				g.r = g.repository("new")
				g.start(g.r, StartRequest{URL: server.URL + "/old.git"})
				testenv.Git(t, g.hosted(g.r), "config", "fsck.badTimezone", "ignore")
				if people != nil {
					g.remap(g.r, "Ada Lovelace", "Hubot", "hubot@example.com")
					g.work()
				}
				for n, change := range []struct {
					what  string
					do    func()
					packs int // more in raw
				}{
					{"nothing", func() {}, 0},
					{"commits", func() { testenv.Grow(t, from, "refs/heads/trunk", "dir/new.txt", 3) }, 2},
					{"a branch of its own", func() { testenv.Grow(t, from, "refs/heads/alone", "alone.txt", 2) }, 2},
					{"a tag on an old commit", func() { testenv.Git(t, from, "tag", "-a", "-m", "late", "late", "refs/heads/trunk~4") }, 1},
					{"a branch at an old commit", func() { testenv.Git(t, from, "branch", "again", "refs/heads/trunk~4") }, 0},
					{"a commit without content", func() { odd(t, from, "refs/heads/other") }, 1},
					{"a large file", func() { growLarge(t, from, "refs/heads/trunk", "films/a.bin", 5000) }, 2},
					{"a larger one, and another fault", func() {
						growLarge(t, from, "refs/heads/other", "films/b.bin", 7000)
						odd(t, from, "refs/heads/other")
					}, 2},
					{"a deleted branch that another reaches", func() { testenv.Git(t, from, "branch", "-D", "again") }, 0},
					{"a great many", func() { testenv.Grow(t, from, "refs/heads/trunk", "many.txt", 400) }, 2},
				} {
					packs := g.packs()
					change.do()
					i := g.again()
					if more := g.packs() - packs; more != change.packs {
						t.Errorf("%s: %d packs came, want %d", change.what, more, change.packs)
					}
					g.wantKnown()
					if n == 8 { // what was deleted at the source stays here
						testenv.Git(t, g.hosted(g.r), "update-ref", "-d", "refs/heads/again")
					}
					if people == nil {
						g.wantMoved(g.r, from)
					} else {
						g.wantReceipt(g.r, g.wantRewritten(g.r, from, people), 1)
					}
					if i.Done.Raw != i.Wanted.Raw {
						t.Errorf("%s: %+v", change.what, i)
					}
				}
			})
		}
	}
}

// growLarge adds a commit with a file of so many bytes.
func growLarge(t testing.TB, dir, ref, path string, size int) {
	t.Helper()
	at := testenv.Git(t, dir, "rev-parse", ref)
	testenv.GitIn(t, dir, strings.NewReader(fmt.Sprintf("commit %s\ncommitter Later <later@example.com> 1715000000 +0000\ndata 2\nx\nfrom %s\n%s",
		ref, at, testenv.Inline(path, strings.Repeat(path, size/len(path)+1)))), "fast-import", "--quiet")
}

// When the raw repository cannot be added to, all is fetched again, and the import does not notice.
func TestRawThatCannotBeAddedTo(t *testing.T) {
	t.Parallel()
	for what, spoil := range map[string]func(t *testing.T, g *grown, dir string){
		"gone":             func(_ *testing.T, g *grown, _ string) { g.lose(g.get(g.r).ID, kindRaw) },
		"of a predecessor": func(t *testing.T, _ *grown, dir string) { must(t, os.Remove(filepath.Join(dir, savedFile))) },
		"garbled": func(t *testing.T, _ *grown, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, savedFile), []byte("{"), 0o600))
		},
		"without HEAD": func(t *testing.T, _ *grown, dir string) { must(t, os.Remove(filepath.Join(dir, "HEAD"))) },
		"without objects": func(t *testing.T, _ *grown, dir string) {
			packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*"))
			must(t, err)
			for _, name := range packs {
				must(t, os.Remove(name))
			}
		},
		"without content": func(t *testing.T, g *grown, dir string) {
			raw, err := repo.Open(dir)
			must(t, err)
			objects, err := raw.Objects()
			must(t, err)
			defer objects.Close()
			for name, p := range objects.Named() {
				kind, err := p.Type(0)
				must(t, err)
				if kind == object.Tree || kind == object.Blob {
					must(t, raw.RemovePack(name))
				}
			}
		},
		"cut off": func(t *testing.T, _ *grown, dir string) {
			packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*.idx"))
			must(t, err)
			for _, name := range packs {
				text, err := os.ReadFile(name)
				must(t, err)
				must(t, errors.Join(os.Remove(name), os.WriteFile(name, text[:1100], 0o600))) // the host has the file by another name
			}
		},
		"of another limit": func(t *testing.T, g *grown, dir string) {
			edit(t, dir, func(s *savedRaw) { s.Facts.LargeOver++ })
		},
		"of other refs": func(t *testing.T, g *grown, dir string) {
			edit(t, dir, func(s *savedRaw) { s.Choose.Exclude = []string{"x"} })
		},
		"without Git LFS":         func(t *testing.T, _ *grown, dir string) { must(t, os.Remove(filepath.Join(dir, carriedFile))) },
		"doubted by a later step": func(t *testing.T, g *grown, _ string) { must(t, g.Folder.distrust(g.get(g.r).ID)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			g := &grown{world: newWorld(t), over: DefaultLargeOver}
			var url string
			g.r, url, g.from = g.rich("sha1")
			g.start(g.r, StartRequest{URL: url})
			testenv.Grow(t, g.from, "refs/heads/trunk", "dir/new.txt", 3)
			spoil(t, g, g.Folder.raw(g.get(g.r).ID))
			g.again()
			if n := g.packs(); n != 2 {
				t.Errorf("%d packs: not all was fetched", n)
			}
			g.wantKnown()
			g.wantMoved(g.r, g.from)
		})
	}
}

// edit changes what a raw repository says of itself.
func edit(t testing.TB, dir string, change func(*savedRaw)) {
	t.Helper()
	var saved savedRaw
	must(t, readJSON(filepath.Join(dir, savedFile), &saved))
	change(&saved)
	text, err := json.Marshal(saved)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, savedFile), text, 0o600))
}

// After many additions everything is fetched again, as one.
func TestPacksOfRawAreFolded(t *testing.T) {
	t.Parallel()
	g := &grown{world: newWorld(t), over: DefaultLargeOver}
	var url string
	g.r, url, g.from = g.rich("sha1")
	g.start(g.r, StartRequest{URL: url})
	most := 0
	for n := range 25 {
		testenv.Grow(t, g.from, "refs/heads/trunk", "new.txt", 1)
		_, err := g.Update(t.Context(), g.r.ID, UpdateRequest{})
		must(t, err)
		g.work()
		packs := g.packs()
		if most = max(most, packs); packs < most {
			g.wantKnown()
			g.wantMoved(g.r, g.from)
			return
		}
		if n == 24 {
			t.Errorf("%d packs", packs)
		}
	}
}

// What a whole fetch drops, because the source dropped it, stays known while it is only added to.
func TestForcedRefsAreAddedTo(t *testing.T) {
	t.Parallel()
	g := &grown{world: newWorld(t), over: DefaultLargeOver}
	var url string
	g.r, url, g.from = g.rich("sha1")
	first := g.start(g.r, StartRequest{URL: url})
	testenv.Git(t, g.from, "update-ref", "refs/heads/trunk", "refs/heads/trunk~1")
	testenv.Grow(t, g.from, "refs/heads/trunk", "forced.txt", 2)
	prune := true
	_, err := g.Update(t.Context(), g.r.ID, UpdateRequest{Choices: Choices{Prune: &prune}})
	must(t, err)
	i := g.again()
	if i.Found.Commits != first.Found.Commits+2 || g.packs() != 4 {
		t.Errorf("%d commits after %d, %d packs", i.Found.Commits, first.Found.Commits, g.packs())
	}
	if got, want := testenv.Git(t, g.hosted(g.r), "rev-parse", "refs/heads/trunk"), testenv.Git(t, g.from, "rev-parse", "refs/heads/trunk"); got != want {
		t.Errorf("trunk is %s, want %s", got, want)
	}
	testenv.Git(t, g.hosted(g.r), "fsck", "--full", "--strict")
}

// Patterns choose what comes, and other patterns what comes next time.
func TestChosenRefs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	include, exclude := []string{"trunk", "v*", "refs/pull/*/head"}, []string{"refs/tags/v9*"}
	w.start(r, StartRequest{URL: url, Choices: Choices{Refs: &include, ExcludeRefs: &exclude}})
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	names := func() string {
		return strings.Join(strings.Fields(testenv.Git(t, w.hosted(r), "for-each-ref", "--format=%(refname)")), " ")
	}
	if got := names(); got != "refs/heads/trunk refs/pull/1/head refs/tags/v1.0" {
		t.Errorf("there came %s", got)
	}
	reasons := map[string]int{}
	for _, s := range w.receiptOf(r).Skipped {
		reasons[s.Reason]++
	}
	if all := len(testenv.ShowRefs(t, from)); reasons["left out by refs"] == 0 || reasons["pull request ref of the old forge"] == 0 || len(w.receiptOf(r).Skipped) != all-3 {
		t.Errorf("of %d refs there stayed %v", all, reasons)
	}
	if narrow, wide := w.identities(r), w.get(r).Found.Authors; narrow != wide || narrow == 0 {
		t.Errorf("%d identities of %d", narrow, wide)
	}
	all := []string{}
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Refs: &all}})
	must(t, err)
	_, err = w.Update(t.Context(), r.ID, UpdateRequest{})
	must(t, err)
	w.work()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := names(); !strings.Contains(got, "refs/heads/side") {
		t.Errorf("without patterns there came %s", got)
	}
}

// Git LFS objects come for new pointers alone, and those that were missing are asked for again.
func TestRestartsTakeUpGitLFSObjects(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two", "three")
	w := newWorld(t)
	r := w.repository("new")
	p.Add("one")
	p.Add("three")
	allow := true
	w.start(r, StartRequest{URL: p.url, Choices: Choices{AllowMissingLFS: &allow}})
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	facts := func() rehome.ReceiptLFS {
		known, err := w.knownFacts(t.Context(), w.get(r).ID)
		must(t, err)
		return known.LFS
	}
	again := func() {
		t.Helper()
		_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
		must(t, err)
		w.work()
	}
	if got := facts(); got.Carried != 2 || len(got.Missing) != 1 || got.Missing[0].Path != "d1/f.bin" {
		t.Errorf("at first %+v", got)
	}
	asked := p.downloads()
	again()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := facts(); got.Carried != 2 || len(got.Missing) != 1 || got.Missing[0].Path != "d1/f.bin" || p.downloads() != asked {
		t.Errorf("again %+v, %d more downloads", got, p.downloads()-asked)
	}
	never := false
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{AllowMissingLFS: &never}})
	must(t, err)
	again()
	i := w.get(r)
	wantStatus(t, i, rehome.Failed, rehome.StepRaw, rehome.LFSMissing)
	if i.State.Err == nil || !strings.Contains(i.State.Err.Message, "d1/f.bin") {
		t.Errorf("the error names no path: %v", i.State.Err)
	}
	p.Add("two")
	again()
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	if got := facts(); got.Carried != 3 || got.Bytes != 11 || len(got.Missing) != 0 || p.downloads() != asked+1 {
		t.Errorf("in the end %+v, %d more downloads", got, p.downloads()-asked)
	}
	w.wantCarried(r, p.objects...)
	carried, err := readCarried(w.Folder.raw(w.get(r).ID))
	must(t, err)
	if len(carried) != 3 {
		t.Errorf("the raw repository lists %v", carried)
	}
}

// An object that the server lost is fetched again by the restart that its error asks for.
func TestLostGitLFSObjectsComeAgain(t *testing.T) {
	t.Parallel()
	p := servePointed(t, "one", "two")
	w := newWorld(t)
	r := w.repository("new")
	p.Add("one")
	p.Add("two")
	w.start(r, StartRequest{URL: p.url})
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	must(t, filepath.WalkDir(filepath.Join(w.data, "lfs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Remove(path)
	}))
	for range 2 {
		_, err := w.Update(t.Context(), r.ID, UpdateRequest{})
		must(t, err)
		w.work()
	}
	wantStatus(t, w.get(r), rehome.Complete, "", "")
	w.wantCarried(r, p.objects...)
}

// The folder a step was killed in between two renames is put right.
func TestOlderRepositoryComesBack(t *testing.T) {
	t.Parallel()
	f, err := Claim(t.TempDir())
	must(t, err)
	defer f.Close()
	make := func(dir string) { must(t, os.MkdirAll(dir, 0o700)) }
	make(f.work(7, 3) + "-raw")
	make(f.work(7, 4))
	make(f.raw(8))
	make(f.work(8, 1) + "-raw")
	make(f.work(9, 1) + "-final")
	must(t, f.dropWork(7))
	must(t, f.clear(map[int64]bool{7: true, 8: true, 9: true}))
	wantOnly(t, filepath.Join(f.dir, "raw"), "7", "8")
	wantOnly(t, filepath.Join(f.dir, "final"), "9")
	wantOnly(t, filepath.Join(f.dir, "work"))
}

// identities is what the receipt counts.
func (w *world) identities(r rehome.Repository) int64 {
	w.t.Helper()
	var body struct{ Authors rehome.ReceiptAuthors }
	text, err := w.Receipt(w.t.Context(), r.ID)
	must(w.t, err)
	must(w.t, json.Unmarshal(text, &body))
	return body.Authors.Identities
}

// TestNarrowedIdentities chooses fewer refs than before: the receipt counts whose commits came, and goes on to.
func TestNarrowedIdentities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, from := w.rich("sha1")
	wantStatus(t, w.start(r, StartRequest{URL: url}), rehome.Complete, "", "")
	narrow := []string{"trunk"}
	_, err := w.Update(t.Context(), r.ID, UpdateRequest{Choices: Choices{Refs: &narrow}})
	must(t, err)
	for range 3 {
		w.again(r)
		people := strings.Split(testenv.Git(t, from, "log", "--format=%an <%ae>%n%cn <%ce>", "trunk"), "\n")
		slices.Sort(people)
		want, all := int64(len(slices.Compact(people))), w.get(r).Found.Authors
		if got := w.identities(r); got != want || got >= all {
			t.Errorf("%d identities, want %d of %d", got, want, all)
		}
		testenv.Grow(t, from, "refs/heads/trunk", "more.txt", 1)
	}
}
