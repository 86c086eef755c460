package rewrite_test

import (
	"bytes"
	"encoding/hex"
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
	"rehome/internal/rewrite"
	"rehome/internal/submodule"
	"rehome/internal/testenv"
)

// moduleTexts are .gitmodules files with what they become where https://old.example/o/app moves to
// https://new.example/n/app, and lib and tool with it.
var moduleTexts = map[string]string{
	"[submodule \"lib\"]\n\tpath = lib\n\turl = https://old.example/o/lib.git\n":                  "[submodule \"lib\"]\n\tpath = lib\n\turl = https://new.example/n/lib\n",
	"[submodule \"lib\"]\r\n\turl = git@OLD.example:o/lib # ours\r\n":                             "[submodule \"lib\"]\r\n\turl = https://new.example/n/lib # ours\r\n",
	"[submodule \"lib\"]\n\turl=\"https://me:word@old.example/o/lib/\"\n[submodule \"x\"]\nurl=y": "[submodule \"lib\"]\n\turl=\"https://new.example/n/lib\"\n[submodule \"x\"]\nurl=y",
	"[submodule \"lib\"]\n\turl = ../lib.git\n\tpath = lib\n":                                     "", // leads there as before
	"[submodule \"tool\"]\n\turl = ../../p/tool.git\n":                                            "[submodule \"tool\"]\n\turl = https://new.example/n/tool.git\n",
	"[submodule \"tool\"] url = https://old.example/p/tool\n; the end":                            "[submodule \"tool\"] url = https://new.example/n/tool.git\n; the end",
	"[submodule \"x\"]\n\turl = https://elsewhere.example/x\n":                                    "",
	"[submodule \"lib\"]\n\turl = https://old.example/o/lib.git\n[broken\n":                       "",
	"[include]\n\tpath = /etc/passwd\n[core]\n\turl = https://old.example/o/lib\n":                "",
	"\x00\x01\xff": "",
	"":             "",
}

// submodules are what is known of commits: some became others, some stayed.
type submodules struct {
	commits map[string]string
	moved   *submodule.Moved
}

func (w *world) submodules(t *testing.T) submodules {
	t.Helper()
	s := submodules{commits: map[string]string{}}
	var all []submodule.Repository
	for n, name := range []string{"o/lib", "p/tool"} {
		part := map[string]string{}
		for i := range 3 {
			old := sum(2*w.format.Size(), "commit", fmt.Sprint(name, i))
			part[old] = choose(i == 2, old, sum(2*w.format.Size(), "commit", "new "+old))
		}
		file := filepath.Join(t.TempDir(), "map")
		text := fmt.Sprintf("%-*s new\n", 2*w.format.Size(), "old")
		for _, old := range sortedKeys(part) {
			text += old + " " + part[old] + "\n"
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		maps.Copy(s.commits, part)
		all = append(all, submodule.Repository{Source: "https://old.example/" + name + ".git", Destination: []string{"https://me:word@new.example/n/lib", "https://new.example/n/tool.git"}[n], Map: file})
	}
	var err error
	if s.moved, err = submodule.Open("https://old.example/o/app.git", "https://new.example/n/app.git", all); err != nil {
		t.Fatal(err)
	}
	return s
}

// changeSubmodules changes submodules at some place.
func (w *world) changeSubmodules(in files, known []string) {
	name := pick(w, "lib", "d", "vendor", "module", "tool")
	switch w.upTo(7) {
	case 0:
		delete(in, name)
	case 1, 2:
		in[".gitmodules"] = node{mode: pick(w, "100644", "100644", "100755", "120000"), text: pick(w, sortedKeys(moduleTexts)...)}
	case 3:
		in[pick(w, "modules.old", ".GITMODULES")] = node{mode: "100644", text: pick(w, sortedKeys(moduleTexts)...)}
	case 4: // a submodule moves into a folder, or comes to be there, too
		if folder := maps.Clone(in["vendor"].below); in[name].mode == "160000" {
			if folder == nil {
				folder = files{}
			}
			folder[pick(w, "lib", ".gitmodules", "x")] = in[name]
			folder[".gitmodules"] = node{mode: "100644", text: pick(w, sortedKeys(moduleTexts)...)}
			delete(in, name)
			in["vendor"] = node{mode: "40000", below: folder}
		}
	default:
		in[name] = node{mode: "160000", text: pick(w, known...)}
	}
}

// newModuleWorld draws a history with submodules, and large files among them.
func newModuleWorld(rt *rapid.T, t *testing.T) (*world, submodules) {
	w := &world{T: rt, tame: true, format: pick(&world{T: rt}, object.SHA1, object.SHA1, object.SHA256), named: map[object.ID]object.Type{}}
	s := w.submodules(t)
	known := append(sortedKeys(s.commits), strings.Repeat("1", 2*w.format.Size()))
	root := files{}
	for range 2 + w.upTo(9) {
		root = maps.Clone(root)
		w.change(root, 2)
		for range 1 + w.upTo(2) {
			w.changeSubmodules(root, known)
		}
		tree := w.put(root)
		id := w.add(object.Commit, fmt.Sprintf("tree %s\n%sauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\nchange %d\n", tree, w.parents(), len(w.commits)))
		w.commits, w.named[id], w.named[tree] = append(w.commits, id), object.Commit, object.Tree
		for _, folder := range root {
			if folder.below != nil {
				w.named[w.put(folder.below)] = object.Tree
			} else if folder.mode == "100644" {
				w.named[w.add(object.Blob, folder.text)] = object.Blob
			}
		}
	}
	w.ref("refs/heads/b", w.commits[len(w.commits)-1])
	w.ref("refs/heads/other", pick(w, w.commits...))
	for range w.upTo(5) {
		what := pick(w, sortedIDs(w.named)...)
		id := w.add(object.Tag, fmt.Sprintf("object %s\ntype %s\ntag v%d\ntagger A <a@x> 1 +0000\n\na tag\n", what, w.named[what], len(w.objects)))
		w.named[id] = object.Tag
		w.ref("refs/tags/t", id)
	}
	if w.often(3) {
		w.ref("refs/tags/direct", pick(w, sortedIDs(w.named)...))
	}
	return w, s
}

// moduleReference says plainly what objects become: ids are hex, each object is made anew.
type moduleReference struct {
	objects map[string]raw
	submodules
	renames string // what stands instead of A <a@x>

	files, links, unknown map[string]bool
}

func (r *moduleReference) new(id string, root bool) string {
	o := r.objects[id]
	data := o.data
	switch o.kind {
	case "tree":
		data = r.tree(id, root)
	case "commit", "tag":
		headers, message := cut(data)
		for i, h := range headers {
			switch key, of, _ := strings.Cut(strings.TrimSuffix(h, "\n"), " "); key {
			case "tree", "parent", "object":
				headers[i] = key + " " + r.new(of, true) + "\n"
			default:
				headers[i] = strings.Replace(h, " A <a@x>", " "+r.renames, 1)
			}
		}
		data = strings.Join(headers, "") + message
	}
	return sum(len(id), o.kind, data)
}

func (r *moduleReference) tree(id string, root bool) string {
	var b strings.Builder
	for _, e := range entriesOf(r.objects[id].data, len(id)/2) {
		now := e.id
		switch {
		case isFolder(e.mode):
			now = r.new(e.id, false)
		case e.mode == "160000":
			if to, ok := r.commits[e.id]; !ok {
				r.unknown[e.id] = true
			} else if now = to; to != e.id {
				r.links[e.id] = true
			}
		case root && e.name == ".gitmodules" && e.mode != "120000":
			if text := moduleTexts[r.objects[e.id].data]; text != "" {
				r.files[e.id] = true
				now = sum(len(id), "blob", text)
			}
		}
		bytes, _ := hex.DecodeString(now)
		fmt.Fprintf(&b, "%s %s\x00%s", e.mode, e.name, bytes)
	}
	return b.String()
}

// judge compares every ref, and the counts.
func (r *moduleReference) judge(rt *rapid.T, got *rewrite.Result) {
	r.files, r.links, r.unknown = map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, ref := range got.Refs {
		if want := r.new(ref.Source.String(), true); ref.Final.String() != want || ref.Changed != (want != ref.Source.String()) {
			rt.Errorf("%s is %s, %t; want %s", ref.Name, ref.Final, ref.Changed, want)
		}
	}
	want := submodule.Changes{Commits: int64(len(r.links)), Unknown: int64(len(r.unknown)), Files: int64(len(r.files))}
	if got.Submodules != want {
		rt.Errorf("it says %+v, want %+v", got.Submodules, want)
	}
	if changed := want.Commits+want.Files > 0; (got.Content != "") != changed {
		rt.Errorf("the new content pack is %q, changed: %t", got.Content, changed)
	}
}

// leftOver lists trees and blobs that nothing reaches.
func leftOver(t *testing.T, dir string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for id, o := range readAll(t, dir) {
		if o.kind == "tree" || o.kind == "blob" {
			all[id] = true
		}
	}
	for line := range strings.Lines(testenv.Git(t, dir, "rev-list", "--objects", "--all")) {
		delete(all, strings.Fields(line)[0])
	}
	return all
}

// TestSubmodulesAgainstReference holds rewrites of submodules against a plain one, id by id.
func TestSubmodulesAgainstReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, s := newModuleWorld(rt, t)
		from := w.packed(t)
		plan := rewrite.Plan{Submodules: s.moved}
		r := &moduleReference{objects: readAll(t, from.Dir()), submodules: s, renames: "A <a@x>"}
		if w.often(2) {
			r.renames = "B <b@y>"
			plan.Authors = map[rehome.Identity]rehome.Identity{{Name: "A", Mail: "a@x"}: {Name: "B", Mail: "b@y"}}
		}
		to, _ := tryLarge(t, from, plan, 1+w.upTo(2))
		r.judge(rt, to.result)
		before := fsck(t, from.Dir())
		for kind := range fsck(t, to.Dir()) {
			if !before[kind] {
				rt.Errorf("git fsck finds %s", kind)
			}
		}
		was := leftOver(t, from.Dir())
		for id := range leftOver(t, to.Dir()) {
			if !was[id] {
				rt.Errorf("nothing reaches %s", id)
			}
		}
		counted, err := rewrite.Run(t.Context(), rewrite.Options{From: from.Repo, Refs: from.refs, Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		if c := counted; c.CommitsChanged != to.result.CommitsChanged || c.TagsChanged != to.result.TagsChanged || c.Submodules != to.result.Submodules {
			rt.Errorf("counting says %d commits, %d tags, %+v; rewriting %d, %d, %+v",
				c.CommitsChanged, c.TagsChanged, c.Submodules, to.result.CommitsChanged, to.result.TagsChanged, to.result.Submodules)
		}
	})
}

// TestSubmodulesWithLargeFiles holds a rewrite of submodules and large files at once against one after the other.
func TestSubmodulesWithLargeFiles(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, s := newModuleWorld(rt, t)
		from := w.packed(t)
		large := largePlan(t, pick(w, rehome.LFSOptIn, rehome.LFSOptOut), pick(w, largePatterns...))
		both := large
		both.Submodules = s.moved
		first, _ := tryLarge(t, from, rewrite.Plan{Submodules: s.moved}, 2)
		second, _ := tryLarge(t, first.history, large, 2)
		want := map[string]string{}
		for _, ref := range first.result.Refs {
			want[ref.Name] = "gone"
		}
		for _, ref := range second.refs {
			want[ref.Name] = ref.ID.String()
		}
		got, _ := tryLarge(t, from, both, 1+w.upTo(2))
		for _, ref := range got.result.Refs {
			if is := choose(ref.Removed, "gone", ref.Final.String()); is != want[ref.Name] {
				rt.Errorf("%s is %s, and %s after one another", ref.Name, is, want[ref.Name])
			}
		}
		if a, b := got.result, second.result; a.Large.Files != b.Large.Files || len(a.Large.Removed) != len(b.Large.Removed) || a.Submodules != first.result.Submodules {
			rt.Errorf("it says %d files, %q, %+v; one after the other %d files, %q, %+v", a.Large.Files, a.Large.Removed, a.Submodules, b.Large.Files, b.Large.Removed, first.result.Submodules)
		}
		was := leftOver(t, second.Dir())
		for id := range leftOver(t, got.Dir()) {
			if !was[id] {
				rt.Errorf("nothing reaches %s", id)
			}
		}
	})
}

// TestSubmodulesBefore holds rewrites that can take from an earlier one, of other commit maps too, against such that cannot.
func TestSubmodulesBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, s := newModuleWorld(rt, t)
		other, err := submodule.Open("https://old.example/o/app.git", "https://new.example/n/app.git", nil)
		if err != nil {
			t.Fatal(err)
		}
		from := w.packed(t)
		part := from
		part.refs = from.refs[:1+w.upTo(len(from.refs)-1)]
		authors := map[rehome.Identity]rehome.Identity{{Name: "A", Mail: "a@x"}: {Name: "B", Mail: "b@y"}}
		first, _ := tryLarge(t, part, rewrite.Plan{Authors: authors, Submodules: pick(w, s.moved, s.moved, other, nil)}, 2)
		var saved, commits bytes.Buffer
		if err := first.result.Save(&saved); err != nil {
			t.Fatal(err)
		}
		if err := first.result.WriteMap(&commits); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(first.Dir(), "commit-map")
		if err := os.WriteFile(file, commits.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := rewrite.OpenBefore(first.Repo, saved.Bytes(), file)
		if err != nil {
			t.Fatal(err)
		}
		plan := rewrite.Plan{Authors: authors, Submodules: pick(w, s.moved, s.moved, nil)}
		want, err := try(t, from, rewrite.Options{Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		got, err := try(t, from, rewrite.Options{Plan: plan, Before: before})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.result.Refs, want.result.Refs) || got.result.Submodules != want.result.Submodules {
			rt.Errorf("%+v, %+v; without the rewrite before %+v, %+v", got.result.Refs, got.result.Submodules, want.result.Refs, want.result.Submodules)
		}
	})
}
