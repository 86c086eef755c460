package rewrite_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
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

// growing is a repository that gets one part of a world after the other.
type growing struct {
	*world
	raw  *repo.Repo
	have int // objects of the world
}

func grow(t *testing.T, w *world) *growing {
	t.Helper()
	r, err := repo.Init(filepath.Join(t.TempDir(), "raw.git"), w.format)
	if err != nil {
		t.Fatal(err)
	}
	return &growing{w, r, 0}
}

// to brings so many objects of the world, in packs of their own, some of the older ones once more, and has
// refs name all that is there, and a branch its last commit.
func (g *growing) to(t *testing.T, most int) history {
	t.Helper()
	var brings []literal
	for n, o := range g.objects[:most] {
		if n >= g.have || g.often(8) {
			brings = append(brings, o)
		}
	}
	g.have = max(g.have, most)
	there := map[object.ID]bool{}
	var last object.ID
	for _, o := range g.objects[:most] {
		if there[o.id] = true; o.kind == object.Commit {
			last = o.id
		}
	}
	refs := slices.Clone(g.refs)
	if !last.IsZero() {
		refs = append(refs, repo.Update{Name: "refs/heads/moving", New: last})
	}
	return g.bring(t, brings, slices.DeleteFunc(refs, func(u repo.Update) bool { return !there[u.New] }))
}

// setRefs gives the repository these refs and no others.
func (g *growing) setRefs(t *testing.T, refs []repo.Update) {
	t.Helper()
	now, err := g.raw.Refs()
	if err != nil {
		t.Fatal(err)
	}
	var updates []repo.Update
	for _, r := range now {
		at := slices.IndexFunc(refs, func(u repo.Update) bool { return u.Name == r.Name })
		if at < 0 {
			updates = append(updates, repo.Update{Name: r.Name, Old: r.ID, New: g.format.Zero()})
		} else if refs[at].Old = r.ID; refs[at].New != r.ID {
			updates = append(updates, refs[at])
		}
	}
	for _, u := range refs {
		if u.Old.IsZero() {
			updates = append(updates, u)
		}
	}
	if err := g.raw.Update(updates); err != nil {
		t.Fatal(err)
	}
}

// kept is a rewrite as the next one takes it up.
func (w rewritten) kept(t *testing.T) *rewrite.Before {
	t.Helper()
	var saved, commits bytes.Buffer
	if err := w.result.Save(&saved); err != nil {
		t.Fatal(err)
	}
	if err := w.result.WriteMap(&commits); err != nil {
		t.Fatal(err)
	}
	file := w.mapFile()
	if err := os.WriteFile(file, commits.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := rewrite.OpenBefore(w.Repo, saved.Bytes(), file)
	if err != nil {
		t.Fatal(err)
	}
	return before
}

// mapFile is where kept leaves the commit map.
func (w rewritten) mapFile() string { return filepath.Join(w.Dir(), "commit-map") }

// all returns the ids in all packs of the new history, sorted.
func (w rewritten) all(t *testing.T) (ids []string) {
	t.Helper()
	for _, name := range w.result.History() {
		one := w
		one.result = &rewrite.Result{Packs: rewrite.Packs{Pack: name}}
		ids = append(ids, one.objects(t)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// TestGrown holds rewrites of what is new against such that go through everything, again and again.
func TestGrown(t *testing.T) {
	parts, whole := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		tame := rapid.Bool().Draw(rt, "tame")
		w := newWorld(rt, tame)
		w.notesEarlier()
		g := grow(t, w)
		plan := rewrite.Plan{Authors: w.plan()}
		var before *rewrite.Before
		at := 3
		for range 5 {
			at = min(len(w.objects), at+w.upTo(6))
			from := g.to(t, at)
			o := rewrite.Options{Plan: plan, Workers: 1 + w.upTo(2)}
			want, wantErr := try(t, from, o)
			o.Before = before
			got, err := try(t, from, o)
			if wantErr != nil || err != nil {
				if rehome.CodeOf(err) != rehome.Invalid || rehome.CodeOf(wantErr) != rehome.Invalid {
					rt.Fatalf("%v, from the start %v", err, wantErr)
				}
				return
			}
			ours, theirs := got.summary(t), want.summary(t)
			if ours.objects, theirs.objects = got.all(t), want.all(t); !ours.equal(theirs) {
				rt.Fatalf("%s", ours.unlike(theirs, got.result.Kept))
			}
			if before = got.kept(t); len(got.result.Kept) > 0 {
				parts++
			} else if before != nil {
				whole++
			}
			got.judgePack(t)
			if w.often(4) {
				plan.Authors = maps.Clone(plan.Authors)
				maps.Copy(plan.Authors, w.plan())
			}
		}
	})
	if t.Logf("%d of what is new, %d whole", parts, whole); parts == 0 || whole == 0 {
		t.Error("one of them was never made")
	}
}

// notesEarlier has the commits and trees of notes come before some of what they are about, or drops them.
func (w *world) notesEarlier() {
	at := slices.IndexFunc(w.refs, func(u repo.Update) bool { return strings.HasPrefix(u.Name, "refs/notes/") })
	if at < 0 {
		return
	}
	if w.often(3) {
		w.refs = slices.Delete(w.refs, at, at+1)
		return
	}
	of := map[object.ID]bool{w.refs[at].New: true}
	for again := true; again; {
		again = false
		for _, o := range w.objects[1:] {
			for _, other := range w.objects {
				if other.kind != object.Blob && !of[o.id] && of[other.id] && (bytes.Contains(other.data, []byte("tree "+o.id.String())) ||
					bytes.Contains(other.data, []byte("parent "+o.id.String())) || bytes.Contains(other.data, append([]byte{0}, o.id.Bytes()...))) {
					of[o.id], again = true, true
				}
			}
		}
	}
	var notes, others []literal
	for _, o := range w.objects {
		if of[o.id] {
			notes = append(notes, o)
		} else {
			others = append(others, o)
		}
	}
	w.objects = slices.Insert(others, 1+w.upTo(len(others)-1), notes...)
}

// unlike says how two summaries differ.
func (s summary) unlike(o summary, kept []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "where it keeps %q counts are %v, from the start %v\n", kept, s.counts, o.counts)
	for i := range s.refs {
		if i < len(o.refs) && s.refs[i] != o.refs[i] {
			fmt.Fprintf(&b, "%s of %s is %s, from the start %s\n", s.refs[i].Name, s.refs[i].Source, s.refs[i].Final, o.refs[i].Final)
		}
	}
	fmt.Fprintf(&b, "objects\n%s\nfrom the start\n%s\n", strings.Join(s.objects, "\n"), strings.Join(o.objects, "\n"))
	fmt.Fprintf(&b, "commits\n%sfrom the start\n%s", s.commits, o.commits)
	return b.String()
}

// judgePack has git index the new pack.
func (w rewritten) judgePack(t *testing.T) {
	t.Helper()
	if w.result.Pack != "" {
		testenv.Git(t, w.Dir(), "index-pack", "-o", filepath.Join(t.TempDir(), "git.idx"), w.packFile("pack"))
	}
}

// line makes a history of commits, one after the other, of two people.
func line(t *testing.T, commits int) *growing {
	t.Helper()
	w := &world{format: object.SHA1}
	blob := w.add(object.Blob, "text\n")
	tree := w.tree(map[string]object.ID{"file": blob})
	parent := ""
	for n := range commits {
		who := fmt.Sprintf("%d <p%d@x> 1700000000 +0000\n", n%2, n%2)
		id := w.add(object.Commit, fmt.Sprintf("tree %s\n%sauthor %scommitter %s\n%d\n", tree, parent, who, who, n))
		parent, w.commits = fmt.Sprintf("parent %s\n", id), append(w.commits, id)
	}
	return grow(t, w)
}

// bring adds objects, history and content in packs of their own, and sets refs.
func (g *growing) bring(t *testing.T, objects []literal, refs []repo.Update) history {
	t.Helper()
	var parts [2][]literal
	for _, o := range objects {
		if o.kind == object.Commit || o.kind == object.Tag {
			parts[0] = append(parts[0], o)
		} else {
			parts[1] = append(parts[1], o)
		}
	}
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		if _, err := g.raw.WritePack(t.Context(), writing(t.Context(), g.format, part)); err != nil {
			t.Fatal(err)
		}
	}
	g.setRefs(t, refs)
	return open(t, g.raw.Dir())
}

// named is refs by their names.
type named map[string]object.ID

func (n named) refs() (refs []repo.Update) {
	for name, id := range n {
		refs = append(refs, repo.Update{Name: name, New: id})
	}
	return refs
}

var firstOfTwo = map[rehome.Identity]rehome.Identity{{Name: "0", Mail: "p0@x"}: {Name: "New", Mail: "new@y"}}

// TestGrownOrWhole says when only what is new is gone through.
func TestGrownOrWhole(t *testing.T) {
	type next struct {
		g    *growing
		refs named
		plan *rewrite.Plan
		more []literal

		noted   literal // a commit that there is a note on, but which is not there
		commits string  // file
	}
	also := func(who, mail string) map[rehome.Identity]rehome.Identity {
		m := maps.Clone(firstOfTwo)
		m[rehome.Identity{Name: who, Mail: mail}] = rehome.Identity{Name: "Also", Mail: "also@y"}
		return m
	}
	tests := []struct {
		name   string
		change func(n *next)
		grown  bool
	}{
		{"new commits", func(*next) {}, true},
		{"nothing new", func(n *next) { n.more, n.refs["refs/heads/main"] = nil, n.g.commits[5] }, true},
		{"a branch at an old commit", func(n *next) { n.refs["refs/heads/old"] = n.g.commits[2] }, true},
		{"a tag of an old commit", func(n *next) {
			n.g.objects = nil
			n.refs["refs/tags/t"] = n.g.add(object.Tag, fmt.Sprintf("object %s\ntype commit\ntag t\ntagger 0 <p0@x> 1 +0000\n\nt\n", n.g.commits[2]))
			n.more = append(n.more, n.g.objects...)
		}, true},
		{"a ref to content", func(n *next) { n.refs["refs/tags/blob"] = n.g.objects[0].id }, true},
		{"a branch that was merged is gone", func(n *next) { delete(n.refs, "refs/heads/merged") }, true},
		{"an unseen commit comes to be seen", func(n *next) { n.refs["refs/heads/side"] = n.g.objects[len(n.g.objects)-1].id }, false},
		{"a branch with commits of its own is gone", func(n *next) { n.refs["refs/heads/main"], n.more = n.g.commits[3], nil }, false},
		{"somebody new is mapped", func(n *next) { n.plan.Authors = also("nobody", "nobody@x") }, true},
		{"somebody of old is mapped", func(n *next) { n.plan.Authors = also("1", "p1@x") }, false},
		{"somebody is not mapped any more", func(n *next) {
			n.plan.Authors = also("nobody", "n@x")
			delete(n.plan.Authors, rehome.Identity{Name: "0", Mail: "p0@x"})
		}, false},
		{"messages", func(n *next) { n.plan.Hashes = true }, false},
		{"large files", func(n *next) { n.plan.Large = rewrite.LargeFiles{Choice: rehome.LFSOptOut, Over: 1000} }, false},
		{"notes come", func(n *next) { n.refs["refs/notes/commits"] = n.g.commits[2] }, false},
		{"notes go", func(n *next) { delete(n.refs, "refs/notes/old") }, false},
		{"notes change", func(n *next) { n.refs["refs/notes/old"] = n.g.commits[0] }, false},
		{"a branch is gone from notes", func(n *next) { delete(n.refs, "refs/heads/on-notes") }, false},
		{"a commit with a note comes", func(n *next) { n.more, n.refs["refs/heads/main"] = append(n.more, n.noted), n.noted.id }, false},
		{"a branch at notes", func(n *next) { n.refs["refs/heads/notes"] = n.refs["refs/notes/old"] }, false},
		{"no map of commits", func(n *next) { os.Remove(n.commits) }, false},
		{"a map cut short", func(n *next) {
			if os.Truncate(n.commits, 100) != nil {
				panic("truncate")
			}
		}, false},
		{"a parent is not there", func(n *next) { n.more, n.refs["refs/heads/main"] = n.more[1:], n.g.commits[7] }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := line(t, 8)
			refs := named{"refs/heads/main": g.commits[5], "refs/heads/merged": g.commits[1]}
			unseen := g.objects[len(g.objects)-1]
			unseen.data = bytes.Replace(unseen.data, []byte(g.commits[6].String()), []byte(g.commits[4].String()), 1)
			unseen.id, _ = object.NewHasher(g.format).Sum(unseen.kind, unseen.data)
			noted := unseen
			noted.data = append(bytes.Clone(unseen.data), "noted\n"...)
			noted.id, _ = object.NewHasher(g.format).Sum(noted.kind, noted.data)
			notes := &world{format: g.format, objects: g.objects[:1:1]}
			on := notes.tree(named{g.commits[1].String(): g.objects[0].id, g.commits[0].String(): g.objects[0].id, noted.id.String(): g.objects[0].id})
			refs["refs/notes/old"] = notes.add(object.Commit, fmt.Sprintf("tree %s\nauthor 0 <p0@x> 1 +0000\ncommitter N <n@x> 1 +0000\n\n", on))
			refs["refs/notes/plain"] = notes.add(object.Commit, fmt.Sprintf("tree %s\nauthor 1 <p1@x> 1 +0000\ncommitter N <n@x> 1 +0000\n\n", on))
			refs["refs/heads/on-notes"] = refs["refs/notes/plain"]
			first, err := try(t, g.bring(t, append(slices.Concat(g.objects[:8], notes.objects[1:]), unseen), refs.refs()), rewrite.Options{Plan: rewrite.Plan{Authors: firstOfTwo}})
			if err != nil {
				t.Fatal(err)
			}
			before := first.kept(t)
			n := &next{g, refs, &rewrite.Plan{Authors: firstOfTwo}, slices.Clone(g.objects[8:]), noted, first.mapFile()}
			g.objects = append(g.objects, unseen)
			refs["refs/heads/main"] = g.commits[7]
			tt.change(n)
			from := g.bring(t, n.more, refs.refs())
			o := rewrite.Options{Plan: *n.plan}
			want, err := try(t, from, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Before = before
			got, err := try(t, from, o)
			if err != nil {
				t.Fatal(err)
			}
			if grown := len(got.result.Kept) > 0; grown != tt.grown {
				t.Errorf("it kept %q", got.result.Kept)
			}
			ours, theirs := got.summary(t), want.summary(t)
			if ours.objects, theirs.objects = got.all(t), want.all(t); !ours.equal(theirs) {
				t.Errorf("%+v, from the start %+v", ours, theirs)
			}
		})
	}
}

// TestGrownManyTimes brings all history into one pack when there are many.
func TestGrownManyTimes(t *testing.T) {
	g := line(t, 40)
	from := g.bring(t, g.objects[:4], named{"refs/heads/main": g.commits[1]}.refs())
	var before *rewrite.Before
	most, last := 0, 0
	for n := 2; n < 40; n++ {
		got, err := try(t, from, rewrite.Options{Plan: rewrite.Plan{Authors: firstOfTwo}, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		before, last = got.kept(t), len(got.result.History())
		most = max(most, last)
		from = g.bring(t, g.objects[n+2:n+3], named{"refs/heads/main": g.commits[n]}.refs())
	}
	if most < 10 || most > 25 || last >= most {
		t.Errorf("up to %d packs of history, %d in the end", most, last)
	}
}

// TestGrownKeepsNothingAfterAnError leaves nothing behind in Into.
func TestGrownKeepsNothingAfterAnError(t *testing.T) {
	g := line(t, 8)
	g.objects[9].data = bytes.Replace(g.objects[9].data, []byte("1 <p1@x>"), []byte("2 <p2@x>"), 2)
	g.objects[9].data = bytes.Replace(g.objects[9].data, []byte("\n\n7"), []byte("\nencoding latin1\n\n7"), 1)
	g.objects[9].id, _ = object.NewHasher(g.format).Sum(object.Commit, g.objects[9].data)
	authors := maps.Clone(firstOfTwo)
	authors[rehome.Identity{Name: "2", Mail: "p2@x"}] = rehome.Identity{Name: "\u042f", Mail: "n@y"}
	first, err := try(t, g.bring(t, g.objects[:6], named{"refs/heads/main": g.commits[3]}.refs()), rewrite.Options{Plan: rewrite.Plan{Authors: authors}})
	if err != nil {
		t.Fatal(err)
	}
	from := g.bring(t, g.objects[6:], named{"refs/heads/main": g.objects[9].id}.refs())
	to := into(t, from)
	_, err = rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: to, Plan: rewrite.Plan{Authors: authors}, Before: first.kept(t)})
	if rehome.CodeOf(err) != rehome.Invalid {
		t.Errorf("it says %v", err)
	}
	if names, err := to.PackNames(); err != nil || len(names) > 0 {
		t.Errorf("left %q, %v", names, err)
	}
}
