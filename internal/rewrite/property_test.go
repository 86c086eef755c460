package rewrite_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// TestMain has every run draw the same histories; flags say otherwise.
func TestMain(m *testing.M) {
	flag.Set("rapid.seed", "20240229")
	flag.Set("rapid.checks", "8")
	flag.Set("rapid.nofailfile", "true")
	flag.Parse()
	os.Exit(m.Run())
}

// rewritten is a repository that a rewrite made.
type rewritten struct {
	history
	result *rewrite.Result
}

// try rewrites from into a repository of its own and gives that refs. ok is false where a name cannot
// be written in an encoding.
func try(t *testing.T, from history, o rewrite.Options) (to rewritten, err error) {
	t.Helper()
	into := into(t, from)
	o.From, o.Refs, o.Into = from.Repo, from.refs, into
	r, err := rewrite.Run(t.Context(), o)
	if err != nil {
		return rewritten{}, err
	}
	var updates []repo.Update
	for _, ref := range r.Refs {
		updates = append(updates, repo.Update{Name: ref.Name, New: ref.Final})
	}
	if err := into.Update(updates); err != nil {
		t.Fatal(err)
	}
	return rewritten{open(t, into.Dir()), r}, nil
}

// objects returns the ids in the new pack, sorted.
func (w rewritten) objects(t *testing.T) []string {
	t.Helper()
	if w.result.Pack == "" {
		return nil
	}
	f, err := os.Open(w.packFile("idx"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var ids []string
	for line := range strings.Lines(testenv.GitIn(t, w.Dir(), f, "show-index", "--object-format="+w.Format().String())) {
		ids = append(ids, strings.Fields(line)[1])
	}
	slices.Sort(ids)
	return ids
}

func (w rewritten) packFile(ext string) string {
	return filepath.Join(w.Dir(), "objects/pack", w.result.Pack+"."+ext)
}

// summary is what two rewrites have to agree on.
type summary struct {
	refs    []rewrite.Ref
	counts  [4]int64
	objects []string
	commits string
}

func (w rewritten) summary(t *testing.T) summary {
	t.Helper()
	r := w.result
	var commits strings.Builder
	if err := r.WriteMap(&commits); err != nil {
		t.Fatal(err)
	}
	return summary{r.Refs, [4]int64{r.Commits, r.CommitsChanged, r.TagsChanged, r.SignaturesDropped}, w.objects(t), commits.String()}
}

func (s summary) equal(o summary) bool {
	return slices.Equal(s.refs, o.refs) && s.counts == o.counts && slices.Equal(s.objects, o.objects) && s.commits == o.commits
}

// options draws a plan, with messages or without them.
func (w *world) options() rewrite.Options {
	p := rewrite.Plan{Authors: w.plan()}
	if w.often(3) {
		p.Trailers = func(who rehome.Identity) (rehome.Identity, bool) { to, ok := p.Authors[who]; return to, ok }
	}
	p.Hashes = w.often(3)
	return rewrite.Options{Plan: p, Workers: 1 + w.upTo(2)}
}

// TestAgainstReference holds rewrites against a plain one, object by object, and has git look at them.
func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, rapid.Bool().Draw(rt, "tame"))
		from, o := w.save(t, 1, inOne), w.options()
		to, err := try(t, from, o)
		want := expect(t, from, o.Plan)
		if want.err != nil || err != nil {
			if want.err == nil || rehome.CodeOf(err) != rehome.Invalid {
				rt.Fatalf("Run says %v, want %v", err, want.err)
			}
			return
		}
		r := to.result
		if counts := [3]int64{r.CommitsChanged, r.TagsChanged, r.SignaturesDropped}; counts != want.counts {
			rt.Errorf("it says %v changed, want %v", counts, want.counts)
		}
		for _, ref := range r.Refs {
			if id := want.new(ref.Source.String()); ref.Final.String() != id || ref.Changed != (ref.Final != ref.Source) {
				rt.Errorf("%+v, want %s", ref, id)
			}
		}
		for old, id := range want.became {
			source, _ := object.ParseID(old)
			if got, ok := r.New(source); !ok || got.String() != id {
				rt.Errorf("%s %q became %s, want %s %q", old, want.objects[old].data, got, id, want.written[id])
			}
		}
		judge(t, rt, from, to, want)
	})
}

// judge looks at what was written with git.
func judge(t *testing.T, rt *rapid.T, from history, to rewritten, want *reference) {
	t.Helper()
	before := fsck(t, from.Dir())
	for kind := range fsck(t, to.Dir()) {
		if !before[kind] && !aboutPeople(kind) {
			rt.Errorf("git fsck finds %s", kind)
		}
	}
	var changed bool
	for old, id := range want.became {
		changed = changed || old != id
	}
	if changed != (to.result.Pack != "") {
		rt.Fatalf("the new pack is %q", to.result.Pack)
	}
	if !changed {
		if names, err := to.PackNames(); len(names) > 0 || err != nil {
			rt.Errorf("nothing changed, but it wrote %q, %v", names, err)
		}
		return
	}
	index := filepath.Join(t.TempDir(), "git.idx")
	testenv.Git(t, to.Dir(), "index-pack", "-o", index, to.packFile("pack"))
	ours, theirs := readFile(t, to.packFile("idx")), readFile(t, index)
	if !bytes.Equal(ours, theirs) {
		rt.Error("git makes another index")
	}
	have := to.objects(t)
	for _, id := range want.became {
		if _, ok := slices.BinarySearch(have, id); !ok {
			rt.Errorf("%s is not in the new pack", id)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fsck returns the kinds of what git finds.
func fsck(t testing.TB, dir string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "fsck", "--no-dangling", "--no-progress")
	cmd.Dir, cmd.Env = dir, testenv.Env()
	out, _ := cmd.CombinedOutput() // its exit status says whether it found something
	kinds := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "notice: ") { // HEAD has no branch
			continue
		}
		if _, what, ok := strings.Cut(line, ": "); ok {
			line = what
		}
		kinds[strings.Fields(line)[0]] = true
	}
	return kinds
}

// aboutPeople reports whether git fsck speaks of an identity or a date. It names the first fault of
// a line alone, so that there may be another when that is gone.
func aboutPeople(kind string) bool {
	return slices.Contains([]string{"badDate:", "badDateOverflow:", "badTimezone:", "badEmail:", "badName:", "missingEmail:", "missingNameBeforeEmail:", "missingSpaceBeforeDate:", "missingSpaceBeforeEmail:", "zeroPaddedDate:"}, kind)
}

// TestNobody rewrites with plans that match nobody.
func TestNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, false)
		from := w.save(t, 1, inOne)
		people := map[rehome.Identity]rehome.Identity{{Name: "OLD", Mail: "old@x"}: {Name: "New", Mail: "n"}, {Name: "Old", Mail: "old@X"}: {Name: "New", Mail: "n"}}
		people[rehome.Identity{Name: "Old", Mail: "old@x"}] = rehome.Identity{Name: "Old", Mail: "old@x"}
		for n, line := range tamePeople {
			name, _, mail := personOf(line)
			people[rehome.Identity{Name: name + " ", Mail: mail}] = rehome.Identity{Name: name, Mail: dates[n]}
		}
		delete(people, rehome.Identity{Name: "Old", Mail: "old@x"})
		to, err := try(t, from, rewrite.Options{Plan: rewrite.Plan{Authors: people, Hashes: true}})
		if err != nil {
			t.Fatal(err)
		}
		names, err := to.PackNames()
		if r := to.result; err != nil || len(names) > 0 || r.Pack != "" || r.CommitsChanged+r.TagsChanged+r.SignaturesDropped != 0 {
			rt.Errorf("wrote %q, %v: %+v", names, err, r)
		}
		for _, ref := range to.result.Refs {
			if ref.Final != ref.Source || ref.Changed {
				rt.Errorf("%+v", ref)
			}
		}
	})
}

// TestThereAndBack undoes a rewrite with another.
func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, true)
		from := w.save(t, 1, inOne)
		there := rewrite.Plan{Authors: w.plan()}
		back := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{}}
		for who, to := range there.Authors {
			back.Authors[to] = who
		}
		if w.often(2) {
			there.Trailers = func(who rehome.Identity) (rehome.Identity, bool) { to, ok := there.Authors[who]; return to, ok }
			back.Trailers = func(who rehome.Identity) (rehome.Identity, bool) { to, ok := back.Authors[who]; return to, ok }
		}
		to, err := try(t, from, rewrite.Options{Plan: there})
		if err != nil {
			t.Fatal(err)
		}
		again, err := try(t, to.history, rewrite.Options{Plan: back})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again.refs, from.refs) {
			rt.Errorf("refs are %v, then %v, then %v", from.refs, to.refs, again.refs)
		}
	})
}

// TestBefore holds rewrites that take from an earlier one against such that do not.
func TestBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tame := rapid.Bool().Draw(rt, "tame")
		w := newWorld(rt, tame)
		from := w.save(t, 1, inOne)
		part := from
		part.refs = from.refs[:1+w.upTo(len(from.refs)-1)]
		first, err := try(t, part, rewrite.Options{Plan: rewrite.Plan{Authors: w.plan()}})
		if err != nil {
			return
		}
		var saved bytes.Buffer
		if err := first.result.Save(&saved); err != nil {
			t.Fatal(err)
		}
		before, err := rewrite.OpenBefore(first.Repo, saved.Bytes(), "")
		if err != nil || (before == nil) != (first.result.Pack == "") {
			rt.Fatalf("Save wrote %q: %v, %v", saved.Bytes(), before, err)
		}
		o := w.options()
		want, wantErr := try(t, from, o)
		o.Before = before
		got, err := try(t, from, o)
		if wantErr != nil || err != nil {
			if rehome.CodeOf(err) != rehome.Invalid || rehome.CodeOf(wantErr) != rehome.Invalid {
				rt.Errorf("%v, without the rewrite before %v", err, wantErr)
			}
			return
		}
		if got, want := got.summary(t), want.summary(t); !got.equal(want) {
			rt.Errorf("%+v, without the rewrite before %+v", got, want)
		}
		if got.result.Pack != "" {
			testenv.Git(t, got.Dir(), "index-pack", "-o", filepath.Join(t.TempDir(), "git.idx"), got.packFile("pack"))
		}
	})
}

// TestPacking reads the same history out of packs and files of many kinds, with few and many workers.
func TestPacking(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, false)
		o := w.options()
		one := w.save(t, 1, inOne)
		want, err := try(t, one, o)
		if err != nil {
			return
		}
		salt := w.upTo(1000)
		deltas := w.save(t, 1, inOne)
		testenv.Git(t, deltas.Dir(), "repack", "-adfq", "--depth=50", "--window=50")
		for name, from := range map[string]history{
			"many packs":     w.save(t, 3, func(n, pack int) bool { return (n*7+salt)%3 == pack }),
			"twice":          w.save(t, 2, func(n, pack int) bool { return pack == 0 || (n*5+salt)%2 == 0 }),
			"some are loose": loosen(t, w.save(t, 1, inOne)),
			"deltas":         open(t, deltas.Dir()),
		} {
			o.Workers = 1 + w.upTo(4)
			got, err := try(t, from, o)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := got.summary(t), want.summary(t); !got.equal(want) {
				rt.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}
