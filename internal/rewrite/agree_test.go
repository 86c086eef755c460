package rewrite

import (
	"testing"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
)

const someCommit = "tree " + tree + "\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nparent\n"

// FuzzGraphAgrees wants the graph to see all that an editor changes: whom an object names, what it names, and
// whether it is signed.
func FuzzGraphAgrees(f *testing.F) {
	hasher := object.NewHasher(object.SHA1)
	parent, err := hasher.Sum(object.Commit, []byte(someCommit))
	if err != nil {
		f.Fatal(err)
	}
	other, _ := object.ParseID(b1)
	head, people := "tree "+tree+"\nparent "+parent.String()+"\n", "author Old <old@x> 1 +0000\ncommitter <bare@x> 1 +0000\n"
	root := "tree " + tree + "\n"
	for _, s := range []string{
		root + people + "\nm", root + "author A <a>\ncommitter A <a>\nencoding x\nauthor Old <old@x>\n\n", root + "author A <a>\nauthor Old <old@x>\n\n",
		root + "committer A <a>\nauthor Old <old@x>\n\n", root + "author A <a>\ncommitter A <a>\ncommitter Old <old@x>", "author Old <old@x>\n",
		head + people + "\nm", head + people + people + "\nm", head + "gpgsig x\n y\n" + people + "gpgsig-sha256 z\n\nm",
		head + "author A <a>\ncommitter A <a>\nencoding x\nauthor Old <old@x>\n\n", head + "author All Name\n", head[:len(head)-1],
	} {
		f.Add([]byte(s), false)
	}
	tag := "object " + parent.String() + "\ntype commit\ntag v1\n"
	blob := "object " + tree + "\ntype blob\ntag v1\n"
	for _, s := range []string{
		blob + "tagger Old <old@x> 1 +0000\n\nm", blob + "tagger A <a>\ntagger Old <old@x>\n\n", blob + "x\ntagger Old <old@x>\n", "tagger Old <old@x>\n",
		tag + "tagger Old <old@x> 1 +0000\n\nm\n-----BEGIN PGP SIGNATURE-----\n", tag + "tagger A <a>\ntagger Old <old@x>\ngpgsig x\n\nm", tag + "x\ntagger Old <old@x>\n", tag[:60],
	} {
		f.Add([]byte(s), true)
	}
	memory := make([]byte, 9<<20)
	f.Fuzz(func(t *testing.T, raw []byte, isTag bool) {
		kind := object.Commit
		if isTag {
			kind = object.Tag
		}
		id, err := hasher.Sum(kind, raw)
		if err != nil || id == parent {
			return
		}
		s := history.Source{Format: object.SHA1, Workers: 1, Loose: []history.Loose{{ID: parent, Type: object.Commit, Data: []byte(someCommit)}, {ID: id, Type: kind, Data: raw}}}
		s.Scratch = func(int64) ([]byte, func(), error) { return memory, func() {}, nil }
		g, err := history.Read(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		n, _ := g.Find(id)
		agree(t, g, n, func(id object.ID) object.ID {
			if id == parent {
				return other
			}
			return id
		})
	})
}

func agree(t *testing.T, g *history.Graph, n uint32, renamed func(object.ID) object.ID) {
	t.Helper()
	p := plan()
	e, raw := NewEditor(object.SHA1, p), g.Bytes(n)
	var got Edited
	var err error
	var faults object.Faults
	if g.Type(n) == object.Tag {
		_, faults = object.ParseTag(object.SHA1, raw)
		got, err = e.Tag(raw, renamed)
	} else {
		_, faults = object.ParseCommit(object.SHA1, raw)
		got, err = e.commit(raw, func(id object.ID) object.ID { return id }, renamed)
	}
	if err != nil || !got.Changed {
		return
	}
	seen := g.Odd(n)
	for _, i := range []uint32{g.Author(n), g.Committer(n)} {
		if i != history.None {
			_, ok := p.Authors[g.Identities()[i]]
			seen = seen || ok
		}
	}
	for parents, i := g.Parents(n), 0; i < parents.Len(); i++ {
		seen = seen || parents.At(i) != history.None
	}
	if !seen {
		t.Errorf("%q becomes %q, which nothing said", raw, got.Data)
	}
	if faults.Dangerous() == object.NoFault && got.SignatureDropped != g.Signed(n) {
		t.Errorf("%q loses a signature: %v, has one: %v", raw, got.SignatureDropped, g.Signed(n))
	}
}
