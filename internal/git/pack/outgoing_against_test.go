package pack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// TestOutgoingAgainst sends the last commits of a history to a receiver that has the others.
func TestOutgoingAgainst(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 60, Files: 40})
	old := strings.Fields(testenv.Git(t, dir, "rev-list", "--objects", "--no-object-names", "HEAD~10"))
	new := strings.Fields(testenv.Git(t, dir, "rev-list", "--objects", "--no-object-names", "HEAD", "^HEAD~10"))
	packs := packsOf(t, dir, object.SHA1, new, old)
	has := map[object.ID]bool{}
	for i := range packs[1].Index.Len() {
		has[packs[1].Index.ID(i)] = true
	}
	path := map[string]object.ID{} // what an old commit has there
	for line := range strings.Lines(testenv.Git(t, dir, "ls-tree", "-r", "-t", "HEAD~10")) {
		fields := strings.Fields(line)
		id, err := object.ParseID(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		path[fields[3]] = id
	}
	like := map[object.ID]object.ID{}
	for line := range strings.Lines(testenv.Git(t, dir, "rev-list", "--objects", "HEAD", "^HEAD~10")) {
		if hex, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "" {
			if id, err := object.ParseID(hex); err == nil && path[name] != (object.ID{}) {
				like[id] = path[name]
			}
		}
	}
	read := func(p *Pack, id object.ID) []byte {
		i, ok := p.Index.Find(id)
		if !ok {
			t.Fatalf("no object %s", id)
		}
		_, b, err := p.Read(i, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	plain := outgoing(t, []Part{{Pack: packs[0]}}, object.SHA1, nil)
	thin, err := NewOutgoing(t.Context(), []Part{{Pack: packs[0]}}, OutgoingOptions{
		Format: object.SHA1, Scratch: heapScratch, Has: func(id object.ID) bool { return has[id] },
		Resemble: func(id object.ID) (object.ID, []byte, []byte, bool) {
			to, ok := like[id]
			if !ok {
				return to, nil, nil, false
			}
			return to, read(packs[1], to), read(packs[0], id), true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer thin.Close()
	if thin.Bytes() >= plain.Bytes() || thin.kinds()[remade] == 0 {
		t.Errorf("%d bytes where %d went before: %v", thin.Bytes(), plain.Bytes(), thin.kinds())
	}
	receiver := filepath.Join(t.TempDir(), "receiver.git")
	testenv.Git(t, "", "clone", "-q", "--bare", "--no-local", dir, receiver)
	testenv.Git(t, receiver, "update-ref", "HEAD", "HEAD~10")
	if err := os.RemoveAll(filepath.Join(receiver, "objects", "pack")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(receiver, "objects", "pack"), 0o755); err != nil {
		t.Fatal(err)
	}
	takes(t, receiver, testenv.GitBytes(t, dir, strings.NewReader(strings.Join(old, "\n")), "pack-objects", "--stdout", "-q"))
	got := takes(t, receiver, sent(t, thin), "--fix-thin", "--strict")
	for _, id := range new {
		if !got[id] {
			t.Errorf("the receiver lacks %s", id)
		}
	}
}

// TestOutgoingAgainstCircle offers two objects of one pack as like each other.
func TestOutgoingAgainstCircle(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 20, Files: 10})
	p := packsOf(t, dir, object.SHA1, testenv.Objects(t, dir))[0]
	o, err := NewOutgoing(t.Context(), []Part{{Pack: p}}, OutgoingOptions{
		Format: object.SHA1, Scratch: heapScratch,
		Resemble: func(id object.ID) (object.ID, []byte, []byte, bool) {
			i, _ := p.Index.Find(id)
			_, b, err := p.Read(i, 1<<20)
			return p.Index.ID((i + 1) % p.Index.Len()), b, b, err == nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	receiver := filepath.Join(t.TempDir(), "receiver.git")
	testenv.Git(t, "", "init", "-q", "--bare", receiver)
	takes(t, receiver, sent(t, o), "--strict")
}
