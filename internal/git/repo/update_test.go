package repo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// ids returns what the revisions stand for in r.
func ids(t testing.TB, r *Repo, revisions ...string) []object.ID {
	t.Helper()
	var found []object.ID
	for _, line := range strings.Fields(testenv.Git(t, r.Dir(), append([]string{"rev-parse"}, revisions...)...)) {
		id, err := object.ParseID(line)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, id)
	}
	return found
}

func TestUpdate(t *testing.T) {
	for _, f := range formats {
		for _, stored := range []string{"loose", "packed"} {
			t.Run(f.String()+" "+stored, func(t *testing.T) { testUpdate(t, f, stored == "packed") })
		}
	}
}

func testUpdate(t *testing.T, f object.Format, packed bool) {
	r := rich(t, f)
	id := ids(t, r, "trunk", "side~1", "side", "refs/tags/v1.0")
	trunk, before, side, tag := id[0], id[1], id[2], id[3]
	testenv.Git(t, r.Dir(), "update-ref", "refs/heads/gone", side.String())
	testenv.Git(t, r.Dir(), "update-ref", "refs/heads/moved/deep", side.String())
	if packed {
		testenv.Git(t, r.Dir(), "pack-refs", "--all")
	}
	want := map[string]object.ID{"refs/heads/trunk": before, "refs/heads/moved/deep": trunk, "refs/heads/new": side, "refs/tags/again": tag}
	err := r.Update([]Update{
		{Name: "refs/heads/trunk", Old: trunk, New: before},
		{Name: "refs/heads/moved/deep", Old: side, New: trunk},
		{Name: "refs/heads/gone", Old: side},
		{Name: "refs/heads/never"},
		{Name: "refs/heads/new", New: side},
		{Name: "refs/tags/again", New: tag},
		{Name: "refs/heads/other", Old: ids(t, r, "other")[0], New: ids(t, r, "other")[0]},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range want {
		if got := ids(t, r, name)[0]; got != id {
			t.Errorf("%s is %s, want %s", name, got, id)
		}
	}
	if out, err := testenv.Run(t.Context(), r.Dir(), nil, "rev-parse", "--verify", "-q", "refs/heads/gone"); err == nil {
		t.Errorf("refs/heads/gone is still %s", out)
	}
	if diff := cmp.Diff(testenv.ShowRefs(t, r.Dir()), show(t, r)); diff != "" {
		t.Errorf("git (-) and we (+) differ:\n%s", diff)
	}
	clean(t, r)
}

// clean checks that r is sound and that no lock stayed.
func clean(t *testing.T, r *Repo) {
	t.Helper()
	testenv.Git(t, r.Dir(), "fsck", "--strict")
	testenv.Git(t, r.Dir(), "pack-refs", "--all")
	for _, left := range []string{"packed-refs.lock", "packed-refs.new", "refs/heads/trunk.lock", "refs/heads/moved"} {
		if _, err := os.Lstat(r.path(left)); err == nil {
			t.Errorf("%s was left", left)
		}
	}
}

func TestUpdateAllOrNothing(t *testing.T) {
	r := rich(t, object.SHA1)
	id := ids(t, r, "trunk", "side")
	trunk, side := id[0], id[1]
	testenv.Git(t, r.Dir(), "update-ref", "refs/heads/loose/one", trunk.String())
	testenv.Git(t, r.Dir(), "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/trunk")
	before := testenv.ShowRefs(t, r.Dir())
	good := Update{Name: "refs/heads/aaa", New: trunk}
	sha256 := object.SHA256.Zero()
	tests := []struct {
		name   string
		update Update
		want   string
	}{
		{"moved", Update{"refs/heads/trunk", side, trunk}, fmt.Sprintf(`update refs: ref "refs/heads/trunk" is at %s, not at %s`, trunk, side)},
		{"exists", Update{"refs/heads/loose/one", object.ID{}, side}, fmt.Sprintf(`update refs: ref "refs/heads/loose/one" is at %s, not at %s`, trunk, object.ID{})},
		{"missing", Update{"refs/heads/none", side, trunk}, fmt.Sprintf(`update refs: ref "refs/heads/none" is at %s, not at %s`, object.ID{}, side)},
		{"below a packed ref", Update{"refs/heads/trunk/x", object.ID{}, side}, `update refs: ref "refs/heads/trunk/x" cannot stand beside "refs/heads/trunk"`},
		{"below a loose ref", Update{"refs/heads/loose/one/x", object.ID{}, side}, `update refs: ref "refs/heads/loose/one/x" cannot stand beside "refs/heads/loose/one"`},
		{"above a loose ref", Update{"refs/heads/loose", object.ID{}, side}, `update refs: ref "refs/heads/loose" cannot stand beside "refs/heads/loose/one"`},
		{"below a new ref", Update{"refs/heads/aaa/x", object.ID{}, side}, `update refs: ref "refs/heads/aaa" cannot stand beside "refs/heads/aaa/x"`},
		{"bad name", Update{"refs/heads/../../config", object.ID{}, side}, `update refs: bad ref name "refs/heads/../../config"`},
		{"HEAD", Update{"HEAD", object.ID{}, side}, `update refs: bad ref name "HEAD"`},
		{"twice", good, `update refs: ref "refs/heads/aaa" is named twice`},
		{"symbolic", Update{"refs/remotes/origin/HEAD", trunk, side}, `update refs: ref "refs/remotes/origin/HEAD" is symbolic`},
		{"other format", Update{"refs/heads/x", object.ID{}, object.FromBytes(object.SHA256, append(sha256.Bytes()[:31], 1))}, `update refs: ref "refs/heads/x": not a sha1 object id`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := r.Update([]Update{good, tt.update})
			if errText(err) != tt.want {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
			if diff := cmp.Diff(before, testenv.ShowRefs(t, r.Dir())); diff != "" {
				t.Errorf("refs changed:\n%s", diff)
			}
		})
	}
	var moved *MovedError
	if err := r.Update([]Update{tests[0].update}); !errors.As(err, &moved) || moved.Name != "refs/heads/trunk" || moved.Have != trunk || moved.Want != side {
		t.Errorf("got %#v", err)
	}
	clean(t, r)
}

func TestUpdateSwapsNameAndFolder(t *testing.T) {
	for _, stored := range []string{"loose", "packed"} {
		t.Run(stored, func(t *testing.T) {
			r := rich(t, object.SHA1)
			id := ids(t, r, "trunk")[0]
			testenv.Git(t, r.Dir(), "update-ref", "refs/heads/a", id.String())
			testenv.Git(t, r.Dir(), "update-ref", "refs/heads/b/c/d", id.String())
			if stored == "packed" {
				testenv.Git(t, r.Dir(), "pack-refs", "--all")
			}
			err := r.Update([]Update{{"refs/heads/a", id, object.ID{}}, {"refs/heads/a/x", object.ID{}, id}, {"refs/heads/b/c/d", id, object.ID{}}, {"refs/heads/b", object.ID{}, id}})
			if err != nil {
				t.Fatal(err)
			}
			want := id.String() + " refs/heads/a/x\n" + id.String() + " refs/heads/b"
			if got := testenv.Git(t, r.Dir(), "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/a", "refs/heads/b"); got != want {
				t.Errorf("got %s", got)
			}
			testenv.Git(t, r.Dir(), "update-ref", "refs/heads/b", testenv.Git(t, r.Dir(), "rev-parse", "side"))
			clean(t, r)
		})
	}
}

func TestUpdateTakesLongNames(t *testing.T) {
	r := rich(t, object.SHA1)
	id := ids(t, r, "trunk")[0]
	name := "refs/heads/" + strings.Repeat("long", 100)
	for _, u := range []Update{{name, object.ID{}, id}, {name + "/x", object.ID{}, id}} {
		err := r.Update([]Update{u})
		if (err != nil) != (u.Name != name) {
			t.Errorf("%s: %v", u.Name, err)
		}
	}
	if got := testenv.Git(t, r.Dir(), "for-each-ref", "--format=%(objectname)", "refs/heads/long*"); got != id.String() {
		t.Errorf("git sees %q", got)
	}
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, r.Dir(), "clone", "-q", "--mirror", "file://"+r.Dir(), clone)
	if diff := cmp.Diff(testenv.ShowRefs(t, r.Dir()), testenv.ShowRefs(t, clone)); diff != "" {
		t.Errorf("a clone differs:\n%s", diff)
	}
}

func TestUpdateMeetsALock(t *testing.T) {
	for _, held := range []string{"packed-refs.lock", "refs/heads/trunk.lock", "refs/heads/deep/er.lock"} {
		t.Run(held, func(t *testing.T) {
			r := rich(t, object.SHA1)
			id := ids(t, r, "trunk", "side")
			writeFile(t, r, held, "")
			updates := []Update{{"refs/heads/trunk", id[0], id[1]}, {"refs/heads/deep/er", object.ID{}, id[0]}}
			if err := r.Update(updates); !errors.Is(err, ErrLocked) {
				t.Fatalf("got %v", err)
			}
			if _, err := os.Lstat(r.path(held)); err != nil {
				t.Fatalf("somebody else's lock is gone: %v", err)
			}
			if err := r.ClearLocks(); err != nil {
				t.Fatal(err)
			}
			if err := r.Update(updates); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestUpdateBesideGit moves one ref to and fro by transactions of ours while git moves it too, or
// packs refs: every step that was reported must count. (git update-ref beside git pack-refs
// loses steps by itself, so that the three do not run at once.)
func TestUpdateBesideGit(t *testing.T) {
	for _, beside := range []string{"update-ref", "pack-refs"} {
		t.Run(beside, func(t *testing.T) { testUpdateBeside(t, beside) })
	}
}

func testUpdateBeside(t *testing.T, beside string) {
	const name, rounds = "refs/heads/count/0", 25
	r := rich(t, object.SHA1)
	id := ids(t, r, "trunk", "side")
	other := map[object.ID]object.ID{id[0]: id[1], id[1]: id[0]}
	testenv.Git(t, r.Dir(), "update-ref", name, id[0].String())
	var ours, gits int
	var wg sync.WaitGroup
	wg.Go(func() {
		for range rounds {
			now := ids(t, r, name)[0]
			if r.Update([]Update{{name, now, other[now]}}) == nil {
				ours++
			}
		}
	})
	wg.Go(func() {
		for range rounds {
			args := []string{"pack-refs", "--all"}
			if beside == "update-ref" {
				now := ids(t, r, name)[0]
				args = []string{"update-ref", name, other[now].String(), now.String()}
			}
			if _, err := testenv.Run(t.Context(), r.Dir(), nil, args...); err == nil {
				gits++
			}
		}
	})
	wg.Wait()
	steps := ours
	if beside == "update-ref" {
		steps += gits
	}
	// Every step changes sides, so that a lost one shows.
	if got := ids(t, r, name)[0]; got != id[steps%2] {
		t.Errorf("after %d steps of ours and %d of git's the ref is %s", ours, gits, got)
	}
	if ours == 0 || gits == 0 {
		t.Errorf("%d steps of ours and %d of git's: somebody never got a turn", ours, gits)
	}
	clean(t, r)
}

// TestUpdateCutShort leaves the repository as a crash would at each moment of a transaction:
// git and we must see all old or all new values, and the transaction must work afterwards.
func TestUpdateCutShort(t *testing.T) {
	r := rich(t, object.SHA1)
	id := ids(t, r, "trunk", "side")
	testenv.Git(t, r.Dir(), "update-ref", "refs/heads/loose", id[0].String())
	updates := []Update{{"refs/heads/loose", id[0], id[1]}, {"refs/heads/trunk", id[0], id[1]}}
	before := testenv.ShowRefs(t, r.Dir())
	state, err := r.readRefs()
	if err != nil {
		t.Fatal(err)
	}
	peel, err := r.newPeeler()
	if err != nil {
		t.Fatal(err)
	}
	defer peel.close()
	for _, held := range []string{"packed-refs.lock", "refs/heads/loose.lock", "packed-refs.new"} {
		writeFile(t, r, held, "half")
	}
	for _, moment := range []func() error{
		func() error { return nil },
		func() error { return r.packLoose(state, updates, peel) },
	} {
		if err := moment(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, testenv.ShowRefs(t, r.Dir())); diff != "" {
			t.Errorf("refs changed too early:\n%s", diff)
		}
		if diff := cmp.Diff(before, show(t, r)); diff != "" {
			t.Errorf("refs changed too early:\n%s", diff)
		}
	}
	if err := r.ClearLocks(); err != nil {
		t.Fatal(err)
	}
	if err := r.Update(updates); err != nil {
		t.Fatal(err)
	}
	clean(t, r)
}

func BenchmarkUpdate(b *testing.B) {
	for _, kind := range []string{"first", "again"} {
		b.Run(kind, func(b *testing.B) {
			r, updates := manyRefs(b, 100_000)
			for b.Loop() {
				if kind == "first" {
					os.Remove(r.path("packed-refs"))
				}
				if err := r.Update(updates); err != nil {
					b.Fatal(err)
				}
				if kind == "again" {
					for i, u := range updates {
						updates[i].Old, updates[i].New = u.New, updates[(i+1)%2].New
					}
				}
			}
		})
	}
}

func BenchmarkRefs(b *testing.B) {
	r, updates := manyRefs(b, 100_000)
	if err := r.Update(updates); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if refs, err := r.Refs(); err != nil || len(refs) != len(updates) {
			b.Fatal(len(refs), err)
		}
	}
}

// manyRefs returns updates that create n refs on the two commits of a repository.
func manyRefs(b *testing.B, n int) (*Repo, []Update) {
	b.Helper()
	r, err := Init(b.TempDir(), object.SHA1)
	if err != nil {
		b.Fatal(err)
	}
	tree := testenv.Git(b, r.Dir(), "hash-object", "-w", "-t", "tree", "/dev/null")
	var commits []object.ID
	for _, message := range []string{"one", "two"} {
		commits = append(commits, ids(b, r, testenv.Git(b, r.Dir(), "commit-tree", "-m", message, tree))...)
	}
	updates := make([]Update, n)
	for i := range updates {
		updates[i] = Update{Name: fmt.Sprintf("refs/tags/build-%d/%06d", i%7, i), New: commits[i%2]}
	}
	return r, updates
}

func TestUpdateWritesPeeledTags(t *testing.T) {
	for _, f := range formats {
		t.Run(f.String(), func(t *testing.T) {
			r := rich(t, f)
			want, err := os.ReadFile(r.path("packed-refs"))
			if err != nil {
				t.Fatal(err)
			}
			refs, err := r.Refs()
			if err != nil {
				t.Fatal(err)
			}
			to, err := Init(t.TempDir(), f)
			if err != nil {
				t.Fatal(err)
			}
			if err := to.Link(r); err != nil {
				t.Fatal(err)
			}
			var updates []Update
			for _, ref := range refs {
				updates = append(updates, Update{Name: ref.Name, New: ref.ID})
			}
			if err := to.Update(updates); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(to.path("packed-refs"))
			if diff := cmp.Diff(string(want), string(got)); diff != "" || err != nil {
				t.Errorf("git's packed-refs (-) and ours (+) differ: %v\n%s", err, diff)
			}
		})
	}
}

func TestUpdateRefusesMissingObjects(t *testing.T) {
	r := rich(t, object.SHA1)
	missing, err := object.ParseID(strings.Repeat("12", 20))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Update([]Update{{Name: "refs/heads/x", New: missing}}); !errors.Is(err, ErrNoObject) {
		t.Errorf("got %v", err)
	}
	text := fmt.Sprintf("object %s\ntype commit\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", missing)
	tag, err := object.ParseID(testenv.GitIn(t, r.Dir(), strings.NewReader(text), "hash-object", "-t", "tag", "-w", "--stdin", "--literally"))
	if err != nil {
		t.Fatal(err)
	}
	var lost *LostTargetError
	if err := r.Update([]Update{{Name: "refs/tags/v", New: tag}}); !errors.As(err, &lost) || lost.Tag != tag || lost.Object != missing {
		t.Errorf("a tag of what is missing: %v", err)
	}
}
