package rewrite_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// largePlan is a plan for large files.
func largePlan(t *testing.T, choice rehome.LFSChoice, patterns []string) rewrite.Plan {
	t.Helper()
	match, err := attributes.ParsePatterns(patterns)
	if err != nil {
		t.Fatal(err)
	}
	return rewrite.Plan{Large: rewrite.LargeFiles{Choice: choice, Over: largeOver, Match: match}}
}

// tryLarge rewrites from into a repository that has its Git LFS objects beside it and nothing
// that went.
func tryLarge(t *testing.T, from history, p rewrite.Plan, workers int) (rewritten, *lfs.Store) {
	t.Helper()
	to := into(t, from)
	store, err := lfs.Local(filepath.Join(to.Dir(), "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Into: to, Plan: p, Store: store, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	w := rewritten{history{Repo: to}, r}
	settle(t, from, w)
	for _, ref := range r.Refs {
		if !ref.Removed {
			testenv.Git(t, to.Dir(), "update-ref", ref.Name, ref.Final.String())
		}
	}
	return rewritten{open(t, to.Dir()), r}, store
}

// TestLargeAgainstReference holds rewrites of large files against a plain one, entry by entry, and
// has git look at them.
func TestLargeAgainstReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newLargeWorld(rt)
		from := w.packed(t)
		choice := pick(w, rehome.LFSOptIn, rehome.LFSOptIn, rehome.LFSOptOut)
		patterns := pick(w, largePatterns...)
		plan := largePlan(t, choice, patterns)
		if w.often(2) {
			plan.Authors = map[rehome.Identity]rehome.Identity{{Name: "A", Mail: "a@x"}: {Name: "B", Mail: "b@y"}}
		}
		to, store := tryLarge(t, from, plan, 1+w.upTo(2))
		r := &largeReference{
			t: t, from: from.Dir(), to: to.Dir(), old: readAll(t, from.Dir()), now: readAll(t, to.Dir()), removes: choice == rehome.LFSOptOut, renames: plan.Authors != nil,
			chosen: map[string]bool{}, kept: map[string]bool{}, removed: map[string]bool{},
		}
		r.matches = matching(t, patterns, r.everyPath())
		r.history(from, to)
		r.result(to.result)
		r.packs()
		if !r.removes {
			r.store(to.result, store)
		}
		before := fsck(t, from.Dir())
		for kind := range fsck(t, to.Dir()) {
			if !before[kind] {
				r.fault("git fsck finds %s", kind)
			}
		}
		if w.format == object.SHA1 && !r.removes {
			r.pointers(to)
		}
		for _, fault := range r.faults {
			rt.Errorf("%s of %q: %s", choice, patterns, fault)
		}
	})
}

// everyPath lists the paths of all trees, each taken for a root.
func (r *largeReference) everyPath() map[string]bool {
	all := map[string]bool{}
	for id, o := range r.old {
		if o.kind == "tree" {
			for _, path := range r.paths(r.old, id, "") {
				all[path] = true
			}
		}
	}
	return all
}

// history compares what the refs reach.
func (r *largeReference) history(from history, to rewritten) {
	became := map[string]string{}
	var removed []repo.Ref
	for i, ref := range from.refs {
		got := to.result.Refs[i]
		if got.Removed {
			removed = append(removed, ref)
			continue
		}
		if strings.HasPrefix(ref.Name, "refs/notes/") {
			r.notes(ref.ID.String(), got.Final.String())
			continue
		}
		r.object(ref.ID.String(), got.Final.String(), became)
	}
	for _, ref := range removed {
		if !r.gone(ref.ID.String()) {
			r.fault("%s is not published", ref.Name)
		}
	}
}

// gone tells whether a ref or tag names, in the end, a blob that is removed.
func (r *largeReference) gone(id string) bool {
	o := r.old[id]
	if o.kind == "tag" {
		return r.gone(o.data[len("object ") : len("object ")+len(id)])
	}
	if !r.removes || o.kind != "blob" {
		return false
	}
	if len(o.data) <= largeOver {
		return false
	}
	r.chosen[id] = true
	return true
}

// object compares what a ref, tag or commit names.
func (r *largeReference) object(old, now string, became map[string]string) {
	if last, ok := became[old]; ok {
		if last != now {
			r.fault("%s became %s and %s", old, last, now)
		}
		return
	}
	became[old] = now
	o, n := r.old[old], r.now[now]
	switch {
	case n.kind != o.kind:
		r.fault("%s %s became %s %q", o.kind, old, n.kind, now)
	case o.kind == "tree":
		r.root(old, now)
	case o.kind == "blob":
		if len(o.data) <= largeOver {
			// No path tells whether a pattern is for it.
			if r.kept[old] = true; now != old {
				r.fault("blob %s became %.40q", old, n.data)
			}
		} else if r.chosen[old] = true; r.pointer(old) != now {
			r.fault("blob %s became %.40q", old, n.data)
		}
	default:
		r.headers(o.data, n.data, became)
	}
}

// headers compares a commit or tag, which name others in their first lines.
func (r *largeReference) headers(old, now string, became map[string]string) {
	was, is := strings.Split(old, "\n"), strings.Split(now, "\n")
	if len(was) != len(is) {
		r.fault("%q became %q", old, now)
		return
	}
	for i, line := range was {
		key, id, _ := strings.Cut(line, " ")
		_, to, _ := strings.Cut(is[i], " ")
		switch key {
		case "tree", "parent", "object":
			r.object(id, to, became)
		default:
			if r.renames {
				line = strings.Replace(line, " A <a@x>", " B <b@y>", 1)
			}
			if line != is[i] {
				r.fault("%q became %q", old, now)
			}
		}
	}
}

// notes notes what notes keep, which nothing is done to.
func (r *largeReference) notes(old, now string) {
	texts := func(of map[string]raw, id string) (list []string) {
		headers, _ := cut(of[id].data)
		for _, e := range r.entries(of, strings.TrimSpace(strings.TrimPrefix(headers[0], "tree "))) {
			r.kept[e.id] = true
			list = append(list, e.id)
		}
		return list
	}
	if was, is := texts(r.old, old), texts(r.now, now); !slices.Equal(was, is) {
		r.fault("notes %q became %q", was, is)
	}
}

// result checks what is said about the rewrite.
func (r *largeReference) result(got *rewrite.Result) {
	var size int64
	for id := range r.chosen {
		size += int64(len(r.old[id].data))
	}
	if l := got.Large; l.Files != int64(len(r.chosen)) || l.Bytes != size {
		r.fault("it says %d files of %d bytes, want %d of %d", l.Files, l.Bytes, len(r.chosen), size)
	}
	var removed []string
	for _, path := range got.Large.Removed {
		removed = append(removed, string(path))
	}
	if want := slices.Sorted(maps.Keys(r.removed)); !slices.Equal(removed, want) {
		r.fault("it says %q are removed, want %q", removed, want)
	}
	if (got.Content != "") != (len(r.chosen) > 0) {
		r.fault("the new content pack is %q, %d blobs are chosen", got.Content, len(r.chosen))
	}
}

// packs checks that nothing of what went is in the repository.
func (r *largeReference) packs() {
	for id := range r.chosen {
		if _, ok := r.now[id]; ok && !r.kept[id] {
			r.fault("blob %s is still there", id)
		}
	}
}

// store checks that every Git LFS object is there, with its bytes.
func (r *largeReference) store(got *rewrite.Result, store *lfs.Store) {
	want := map[string]string{}
	for id := range r.chosen {
		want[fmt.Sprintf("%x", sha256.Sum256([]byte(r.old[id].data)))] = r.old[id].data
	}
	for _, o := range got.Large.Objects {
		in, err := store.Open(r.t.Context(), o.OID, 0)
		if err != nil {
			r.t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		in.Close()
		if data, ok := want[o.OID.String()]; err != nil || !ok || data != string(text) || o.Size != int64(len(text)) {
			r.fault("Git LFS object %s of %d bytes has %d, %v", o.OID, o.Size, len(text), err)
		}
		delete(want, o.OID.String())
	}
	if len(want) > 0 {
		r.fault("%d Git LFS objects are missing", len(want))
	}
}

// pointers asks git-lfs about the branches: it may find what it finds in the source and nothing else.
func (r *largeReference) pointers(to rewritten) {
	for _, ref := range to.result.Refs {
		if !strings.HasPrefix(ref.Name, "refs/heads/") {
			continue
		}
		before := strings.ReplaceAll(fsckPointers(r.t, r.from, ref.Source.String()), ref.Source.String(), "")
		after := strings.ReplaceAll(fsckPointers(r.t, r.to, ref.Final.String()), ref.Final.String(), "")
		for line := range strings.Lines(after) {
			if !strings.Contains(before, line) && line != "Git LFS fsck OK\n" {
				r.fault("git lfs fsck --pointers finds %q", line)
			}
		}
	}
}

// fsckPointers gives what git-lfs finds at a commit.
func fsckPointers(t *testing.T, dir, commit string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "lfs", "fsck", "--pointers", commit)
	cmd.Dir, cmd.Env = dir, testenv.Env()
	out, err := cmd.CombinedOutput()
	if err != nil && !bytes.HasPrefix(out, []byte("pointer: ")) {
		t.Fatalf("git lfs fsck: %v: %s", err, out)
	}
	return string(out)
}
