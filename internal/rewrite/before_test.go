package rewrite

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// earlier is a history with a rewrite of it.
type earlier struct {
	Options
	saved []byte
}

func authors(names ...string) map[rehome.Identity]rehome.Identity {
	people := map[rehome.Identity]rehome.Identity{}
	for _, n := range names {
		people[rehome.Identity{Name: "Author " + n, Mail: "author" + n + "@example.com"}] = rehome.Identity{Name: "New " + n, Mail: "n"}
	}
	return people
}

func rewriteOnce(t testing.TB, size testenv.Size) earlier {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "from.git")
	testenv.Synthetic(t, dir, "sha1", size)
	from, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := from.Refs()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{From: from, Refs: refs, Into: empty(t), Plan: Plan{Authors: authors("1", "2")}, Workers: 2}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if err := r.Save(&saved); err != nil {
		t.Fatal(err)
	}
	return earlier{o, saved.Bytes()}
}

func empty(t testing.TB) *repo.Repo {
	t.Helper()
	r, err := repo.Init(filepath.Join(t.TempDir(), "to.git"), object.SHA1)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// again rewrites with another plan, and what was saved.
func (e earlier) again(t *testing.T, saved []byte, p Plan) *pass {
	t.Helper()
	o := e.Options
	var err error
	if o.Before, err = OpenBefore(e.Into, saved, ""); err != nil {
		t.Fatal(err)
	}
	o.Into, o.Plan, o.Progress = empty(t), p, func(int64, int64) {}
	objects, err := o.From.Objects()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	graph, err := objects.History(t.Context(), []object.ID{o.Refs[0].ID}, repo.Scratch(o.Into.Dir()), o.Workers)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(graph.Close)
	did := newPass(o, graph, objects)
	if err := did.useBefore(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(did.close)
	did.result.Pack, err = o.Into.WritePack(t.Context(), func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		return did.into(t.Context(), file, index, scratch)
	})
	if err != nil {
		t.Fatal(err)
	}
	did.finish()
	return did
}

// TestReuse makes nothing anew but what another plan changes.
func TestReuse(t *testing.T) {
	e := rewriteOnce(t, testenv.Size{Commits: 300, Authors: 100})
	all := e.again(t, e.saved, e.Plan)
	if changed := int(all.result.CommitsChanged + all.result.TagsChanged); len(all.before.reused) != changed || changed == 0 || all.before.differs.Len() != 0 {
		t.Errorf("of %d objects %d are made from the rewrite before; %d differ", changed, len(all.before.reused), all.before.differs.Len())
	}
	for _, c := range []struct {
		name string
		plan Plan
	}{
		{"more people", Plan{Authors: authors("1", "2", "3")}},
		{"fewer", Plan{Authors: authors("1")}},
		{"others", Plan{Authors: authors("3")}},
		{"nobody", Plan{}},
		{"messages, too", Plan{Authors: authors("1", "2"), Hashes: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := e.Options
			o.Plan, o.Into = c.plan, empty(t)
			want, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := e.again(t, e.saved, c.plan)
			for i, ref := range got.result.Refs {
				if ref != want.Refs[i] {
					t.Errorf("%+v, want %+v", ref, want.Refs[i])
				}
			}
			if (got.before == nil) != c.plan.Hashes || got.before != nil && c.name != "nobody" && got.before.differs.Len() == 0 {
				t.Errorf("it used %+v", got.before)
			}
		})
	}
}

// TestSavedDamaged takes nothing from a file that was cut off or has another byte, or whose pack is gone.
func TestSavedDamaged(t *testing.T) {
	e := rewriteOnce(t, testenv.Size{Commits: 100, Authors: 10})
	head := bytes.IndexByte(e.saved, '\n') + 1
	want := e.again(t, e.saved, e.Plan).result
	for _, length := range []int{1, 31, 32, head, head + 40, head + 40*50, len(e.saved) - 40, len(e.saved) - 1} {
		if b, err := OpenBefore(e.Into, e.saved[:length], ""); b != nil || err == nil {
			t.Errorf("of %d bytes: %+v, %v", length, b, err)
		}
	}
	for _, at := range []int{1, head + 25, len(e.saved) - 1} {
		damaged := bytes.Clone(e.saved)
		damaged[at] ^= 1
		if b, err := OpenBefore(e.Into, damaged, ""); b != nil || err == nil {
			t.Errorf("with another byte at %d: %+v, %v", at, b, err)
		}
	}
	if b, err := OpenBefore(e.Into, nil, ""); b != nil || err != nil {
		t.Errorf("of nothing: %+v, %v", b, err)
	}
	packs, _ := filepath.Glob(filepath.Join(e.Into.Dir(), "objects/pack/*"))
	for _, p := range packs {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
	}
	if got := e.again(t, e.saved, e.Plan); got.before != nil || got.result.Refs[0] != want.Refs[0] {
		t.Errorf("without the pack: %+v, want %+v", got.result, want)
	}
}

// FuzzOpenBefore opens whatever there is and rewrites with it. A file that lies may make other
// ids, but no harm.
func FuzzOpenBefore(f *testing.F) {
	e := rewriteOnce(f, testenv.Size{Commits: 30, Authors: 5, Files: 2, Lines: 2})
	unsealed := e.saved[:len(e.saved)-sha256.Size]
	f.Add(unsealed)
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"engine":1,"object_format":"sha1","pack":"../x","authors":[["","","",""],null,["AA=="]]}` + "\n"))
	f.Add([]byte(`{"engine":1,"object_format":"sha256"}` + "\n0123456789"))
	f.Add(bytes.Replace(unsealed, []byte("sha1"), []byte("sha2"), 1))
	f.Fuzz(func(t *testing.T, saved []byte) {
		sum := sha256.Sum256(saved)
		b, err := OpenBefore(e.Into, append(bytes.Clone(saved), sum[:]...), "")
		if err != nil && b != nil {
			t.Fatalf("both %+v and %v", b, err)
		}
		if b == nil {
			return
		}
		for _, ref := range e.Refs {
			if id := b.pairs.find(ref.ID.Bytes()); id != nil && len(id) != object.SHA1.Size() {
				t.Fatalf("%s became %x", ref.ID, id)
			}
		}
		o := e.Options
		o.Into, o.Before = nil, b
		if _, err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	})
}
