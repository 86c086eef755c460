package rewrite_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// world is a generated history, object by object.
type world struct {
	*rapid.T
	format  object.Format
	tame    bool // every identity as Git writes it, and no signatures
	objects []literal
	refs    []repo.Update
	commits []object.ID
	named   map[object.ID]object.Type // what tags and notes may name
}

// literal is an object that is in the packs as it stands here.
type literal struct {
	kind object.Type
	id   object.ID
	data []byte
}

func (w *world) upTo(most int) int { return rapid.IntRange(0, most).Draw(w.T, "n") }

func (w *world) often(of int) bool { return w.upTo(of-1) == 0 }

func pick[T any](w *world, from ...T) T { return rapid.SampledFrom(from).Draw(w.T, "of") }

func choose[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// newWorld draws a history.
func newWorld(t *rapid.T, tame bool) *world {
	w := &world{T: t, tame: tame, format: pick(&world{T: t}, object.SHA1, object.SHA256), named: map[object.ID]object.Type{}}
	blob := w.add(object.Blob, "some text\n")
	tree := w.tree(map[string]object.ID{"file": blob})
	w.named[blob], w.named[tree] = object.Blob, object.Tree
	for range 1 + w.upTo(14) {
		id := w.commit(pick(w, tree, w.tree(nil)), w.parents(), w.message())
		w.commits, w.named[id] = append(w.commits, id), object.Commit
		if w.often(3) {
			w.ref("refs/heads/b", id)
		}
	}
	w.ref("refs/heads/b", w.commits[len(w.commits)-1])
	for range w.upTo(6) {
		id := w.tag()
		w.named[id] = object.Tag
		w.ref("refs/tags/t", id)
	}
	w.notes(blob)
	if w.often(3) {
		w.ref("refs/tags/", pick(w, blob, tree))
	}
	return w
}

func (w *world) add(kind object.Type, data string) object.ID {
	id, err := object.NewHasher(w.format).Sum(kind, []byte(data))
	if err != nil {
		panic(err)
	}
	for _, o := range w.objects {
		if o.id == id {
			return id
		}
	}
	w.objects = append(w.objects, literal{kind, id, []byte(data)})
	return id
}

func (w *world) ref(prefix string, id object.ID) {
	w.refs = append(w.refs, repo.Update{Name: fmt.Sprint(prefix, len(w.refs)), New: id})
}

// tree makes a folder of files.
func (w *world) tree(files map[string]object.ID) object.ID {
	var b strings.Builder
	for _, name := range sortedKeys(files) {
		mode := "100644"
		if files[name] != w.objects[0].id {
			mode = "40000"
		}
		fmt.Fprintf(&b, "%s %s\x00%s", mode, name, files[name].Bytes())
	}
	return w.add(object.Tree, b.String())
}

// Identity lines without their dates: as Git writes them, and as others did.
var (
	tamePeople = []string{"Old <old@x>", "Ada <ada@x>", "Zo\u00eb <z@x>", "Mail Only <>", "Three Words Here <t@x>"}
	oddPeople  = []string{
		"<bare@x>", " <bare@x>", "NoSpace<ns@x>", "Only Name", "", "Two <a@x> <b@x>", "CR\r <cr@x\r>", "L\xe4tin <l@x>", "  Old  <old@x>",
		"Open <open@x", "> <gt@x>", "Nul\x00 <nul@x>", "Tab\t<tab@x>", "<>", "Twice <<x>>", "\xff\xfe <\xff>",
	}
	everybody = append(tamePeople[:len(tamePeople):len(tamePeople)], oddPeople...)

	dates = []string{" 1700000000 +0000", " 1 -0130", "", " 99999999999999999999 +051800", " -1 -7349423", "  5 +0000", " 007 +0000", " yesterday", "1 +0000", " 12", " "}
)

func (w *world) person() string {
	if w.tame || w.often(2) {
		return pick(w, tamePeople...) + pick(w, dates[:2]...)
	}
	return pick(w, everybody...) + pick(w, dates...)
}

func (w *world) parents() string {
	var b strings.Builder
	if len(w.commits) == 0 || w.often(6) {
		return ""
	}
	fmt.Fprintf(&b, "parent %s\n", w.commits[len(w.commits)-1])
	if w.often(3) {
		for range w.upTo(4) {
			fmt.Fprintf(&b, "parent %s\n", pick(w, w.commits...))
		}
	}
	return b.String()
}

// extraHeaders begin with the encodings in which people may be written otherwise.
var extraHeaders = []string{
	"encoding ISO-8859-1\n", "encoding latin1\n", "encoding no-such\n", "encoding UTF-8\n", "HG:extra rebase:1\n", "HG:rename a b\n c\n", "x\n",
	"mergetag object 0123456789012345678901234567890123456789\n type commit\n tag v1\n tagger Old <old@x> 1 +0000\n \n gpgsig x\n -----BEGIN PGP SIGNATURE-----\n",
}

var signatureHeaders = []string{"gpgsig -----BEGIN PGP SIGNATURE-----\n \n xyz\n  \n -----END PGP SIGNATURE-----\n", "gpgsig-sha256 x\n y\n", "gpgsig x\n"}

func (w *world) commit(tree object.ID, parents, message string) object.ID {
	author, committer, extra := "author "+w.person()+"\n", "committer "+w.person()+"\n", ""
	for range w.upTo(2) {
		extra += pick(w, choose(w.tame, extraHeaders[3:], extraHeaders)...)
	}
	if !w.tame && w.often(3) {
		extra += pick(w, signatureHeaders...)
	}
	if !w.tame && w.often(5) {
		switch w.upTo(6) {
		case 0:
			author += "author " + w.person() + "\n"
		case 1:
			committer += "committer " + w.person() + "\n"
		case 2:
			extra += "author " + w.person() + "\n"
		case 3:
			author, committer = committer, author
		case 4:
			committer = ""
		case 5:
			author = ""
		case 6:
			author = pick(w, signatureHeaders...) + author
		}
	}
	return w.add(object.Commit, fmt.Sprintf("tree %s\n%s%s%s%s%s", tree, parents, author, committer, extra, message))
}

// message draws a message with the empty line before it.
func (w *world) message() string {
	text := "\n" + pick(w, "", "m", "m\n", "a\x00b\xff\n", "\n\n", "two\n\nauthor Old <old@x>\n", "no hash 1234567 deadbeef0\n")
	if w.often(3) {
		text += "\n" + pick(w, "Co-authored-by: ", "signed-off-by:", "Reviewed-by: \t", "Not-a-trailer: ") + pick(w, choose(w.tame, tamePeople, everybody)...) + "\n"
	}
	if len(w.commits) > 0 && w.often(2) {
		id := pick(w, w.commits...).String()
		text += "see " + id[:pick(w, 7, 12, len(id))] + ".\n"
	}
	if !w.tame && w.often(20) {
		return "" // ends with its headers
	}
	return text
}

func (w *world) tag() object.ID {
	ids := sortedIDs(w.named)
	what := pick(w, ids...)
	tagger := "tagger " + w.person() + "\n"
	if w.often(4) {
		tagger = ""
	}
	text := w.message()
	if w.named[what] == object.Tag && text != "" {
		text += "more than " + what.String() + "\n"
	}
	if !w.tame && w.often(5) {
		tagger += pick(w, "gpgsig-sha256 x\n y\n", "tagger "+w.person()+"\n", "x y\n")
	}
	if !w.tame && w.often(3) && text != "" {
		text += "\n-----BEGIN " + pick(w, "PGP SIGNATURE", "SSH SIGNATURE", "PGP MESSAGE", "NOTHING") + "-----\nxyz\n"
	}
	return w.add(object.Tag, fmt.Sprintf("object %s\ntype %s\ntag v%d\n%s%s", what, w.named[what], len(w.objects), tagger, text))
}

// notes annotates commits, tags and what is not there, flat or in folders.
func (w *world) notes(note object.ID) {
	parents := ""
	for range w.upTo(3) {
		flat := map[string]object.ID{}
		folders := map[string]map[string]object.ID{}
		for range w.upTo(6) {
			on := pick(w, sortedIDs(w.named)...).String()
			if w.often(2) {
				flat[on] = note
				continue
			}
			if folders[on[:2]] == nil {
				folders[on[:2]] = map[string]object.ID{}
			}
			folders[on[:2]][on[2:]] = note
		}
		if w.often(3) {
			flat["no-note"] = note
		}
		for name, files := range folders {
			flat[name] = w.tree(files)
		}
		id := w.commit(w.tree(flat), parents, "\nnotes\n")
		parents = "parent " + id.String() + "\n"
		w.refs = append(w.refs, repo.Update{Name: "refs/notes/commits", New: id})
	}
	for len(w.refs) > 1 && w.refs[len(w.refs)-1].Name == w.refs[len(w.refs)-2].Name {
		w.refs = append(w.refs[:len(w.refs)-2], w.refs[len(w.refs)-1])
	}
}

// save makes a repository of the objects: parts says in which packs each of them lies.
func (w *world) save(t *testing.T, packs int, in func(n, pack int) bool) history {
	t.Helper()
	r, err := repo.Init(filepath.Join(t.TempDir(), "from.git"), w.format)
	if err != nil {
		t.Fatal(err)
	}
	for i := range packs {
		var part []literal
		for n, o := range w.objects {
			if in(n, i) {
				part = append(part, o)
			}
		}
		if _, err := r.WritePack(t.Context(), writing(t.Context(), w.format, part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Update(w.refs); err != nil {
		t.Fatal(err)
	}
	return open(t, r.Dir())
}

// inOne puts everything into one pack.
func inOne(int, int) bool { return true }

func writing(ctx context.Context, f object.Format, all []literal) func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
	return func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		w, err := pack.NewWriter(file, pack.WriterOptions{Format: f, Objects: int64(len(all)), Scratch: scratch})
		if err != nil {
			return pack.Written{}, err
		}
		defer w.Close()
		for _, o := range all {
			var b bytes.Buffer
			z := zlib.NewWriter(&b)
			z.Write(o.data)
			z.Close()
			if _, err := w.Add(o.kind, o.id, int64(len(o.data)), b.Bytes()); err != nil {
				return pack.Written{}, err
			}
		}
		return w.Finish(ctx, index)
	}
}

// loosen makes loose objects of all packs.
func loosen(t *testing.T, from history) history {
	t.Helper()
	r, err := repo.Init(filepath.Join(t.TempDir(), "loose.git"), from.Format())
	if err != nil {
		t.Fatal(err)
	}
	packs, _ := filepath.Glob(filepath.Join(from.Dir(), "objects/pack/*.pack"))
	for _, p := range packs {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		testenv.GitIn(t, r.Dir(), f, "unpack-objects", "-q")
		f.Close()
	}
	var updates []repo.Update
	for _, ref := range from.refs {
		updates = append(updates, repo.Update{Name: ref.Name, New: ref.ID})
	}
	if err := r.Update(updates); err != nil {
		t.Fatal(err)
	}
	return open(t, r.Dir())
}

// plan draws who becomes whom, of those who stand in lines as they are generated, and of others.
func (w *world) plan() map[rehome.Identity]rehome.Identity {
	people := map[rehome.Identity]rehome.Identity{}
	if w.tame {
		for n, line := range tamePeople {
			if w.often(2) {
				name, _, mail := personOf(line)
				people[rehome.Identity{Name: name, Mail: mail}] = rehome.Identity{Name: fmt.Sprint("Target ", n), Mail: "t@y"}
			}
		}
		return people
	}
	targets := []rehome.Identity{{Name: "New", Mail: "new@y"}, {Name: "J\u00fcrgen", Mail: "j@y"}, {}, {Name: "Old", Mail: "old@x"}, {Name: "Ada", Mail: "ada@x"}, {Name: "Mail", Mail: ""}}
	for range 1 + w.upTo(4) {
		name, _, mail := personOf(pick(w, everybody...) + pick(w, dates...))
		people[rehome.Identity{Name: name, Mail: mail}] = pick(w, targets...)
	}
	return people
}
