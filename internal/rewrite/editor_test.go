package rewrite

import (
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
)

// Ids of the edited objects: what is made of a's is b's.
const (
	a1   = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1"
	b1   = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb1"
	tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
)

func renamed(id object.ID) object.ID {
	if id.String() == a1 {
		id, _ = object.ParseID(b1)
	}
	return id
}

func abbreviated(hex []byte) (object.ID, bool) {
	id, _ := object.ParseID(b1)
	return id, strings.HasPrefix(a1, string(hex))
}

func plan() Plan {
	return Plan{Authors: map[rehome.Identity]rehome.Identity{
		{Name: "Old", Mail: "old@x"}:         {Name: "New", Mail: "new@y"},
		{Name: "", Mail: "bare@x"}:           {Name: "Bare", Mail: "bare@y"},
		{Name: "All Name", Mail: ""}:         {Name: "Known", Mail: "known@y"},
		{Name: "M\xfcller", Mail: "m@x"}:     {Name: "Jürgen Müller", Mail: "m@y"},
		{Name: "Nobody", Mail: "nobody@x"}:   {Name: "", Mail: ""},
		{Name: "Kanji", Mail: "kanji@x"}:     {Name: "漢字", Mail: "kanji@y"},
		{Name: "Carriage\r", Mail: "cr@x\r"}: {Name: "Carriage", Mail: "cr@y"},
	}}
}

// lines puts an object together.
func lines(l ...string) string { return strings.Join(l, "\n") }

func TestCommit(t *testing.T) {
	head := "tree " + tree
	for _, c := range []struct {
		name      string
		in        string
		want      string // "" stays as it is
		signature bool
	}{
		{
			name: "author and committer",
			in:   lines(head, "author Old <old@x> 1 +0000", "committer Old <old@x> 2 -0130", "", "Old <old@x>\n"),
			want: lines(head, "author New <new@y> 1 +0000", "committer New <new@y> 2 -0130", "", "Old <old@x>\n"),
		},
		{
			name: "nobody is mapped",
			in:   lines(head, "author Old <OLD@x> 1 +0000", "committer old <old@x> 1 +0000", "gpgsig -----BEGIN PGP SIGNATURE-----", " x", "", "m"),
		},
		{
			name: "a parent",
			in:   lines(head, "parent "+a1, "parent "+tree, "parent "+a1, "author A <a> 1 +0000", "committer A <a> 1 +0000", "", "parent "+a1),
			want: lines(head, "parent "+b1, "parent "+tree, "parent "+b1, "author A <a> 1 +0000", "committer A <a> 1 +0000", "", "parent "+a1),
		},
		{
			name: "a late parent line is none",
			in:   lines(head, "author A <a> 1 +0000", "parent "+a1, "committer A <a> 1 +0000", "", "m"),
		},
		{
			name:      "signature of a commit that changes",
			in:        lines(head, "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", "gpgsig -----BEGIN PGP SIGNATURE-----", " ", " xyz", " -----END PGP SIGNATURE-----", "gpgsig-sha256 x", " y", "HG:extra a:b", "", "m"),
			want:      lines(head, "author New <new@y> 1 +0000", "committer A <a> 1 +0000", "HG:extra a:b", "", "m"),
			signature: true,
		},
		{
			name: "mergetag and other headers stay",
			in:   lines(head, "parent "+a1, "author A <a> 1 +0000", "committer A <a> 1 +0000", "mergetag object "+a1, " type commit", " tag v1", " tagger Old <old@x> 1 +0000", " ", " gpgsig no header", "HG:rename x", "", "m"),
			want: lines(head, "parent "+b1, "author A <a> 1 +0000", "committer A <a> 1 +0000", "mergetag object "+a1, " type commit", " tag v1", " tagger Old <old@x> 1 +0000", " ", " gpgsig no header", "HG:rename x", "", "m"),
		},
		{
			name: "dates nobody can read stay",
			in:   lines(head, "author Old <old@x> 99999999999999999999 +051800", "committer Old <old@x> -1 -7349423", "", "m"),
			want: lines(head, "author New <new@y> 99999999999999999999 +051800", "committer New <new@y> -1 -7349423", "", "m"),
		},
		{
			name: "no name, no space, no date, no mail",
			in:   lines(head, "author <bare@x>1 +0000", "committer   <bare@x>", "", "m"),
			want: lines(head, "author Bare <bare@y>1 +0000", "committer Bare <bare@y>", "", "m"),
		},
		{
			name: "a line without mail",
			in:   lines(head, "author All Name 1 +0000", "committer All Name", "", "m"),
			want: lines(head, "author Known <known@y> 1 +0000", "committer Known <known@y>", "", "m"),
		},
		{
			name: "two mails: what follows the first stays",
			in:   lines(head, "author Old <old@x> <other@x> 1 +0000", "committer A <a> 1 +0000", "", "m"),
			want: lines(head, "author New <new@y> <other@x> 1 +0000", "committer A <a> 1 +0000", "", "m"),
		},
		{
			name: "nothing but the dates is left of somebody",
			in:   lines(head, "author Nobody <nobody@x> 1 +0000", "committer A <a> 1 +0000", "", "m"),
			want: lines(head, "author  <> 1 +0000", "committer A <a> 1 +0000", "", "m"),
		},
		{
			name: "two author lines",
			in:   lines(head, "author A <a> 1 +0000", "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", "", "m"),
			want: lines(head, "author A <a> 1 +0000", "author New <new@y> 1 +0000", "committer A <a> 1 +0000", "", "m"),
		},
		{
			name: "NUL and broken UTF-8 in the message",
			in:   lines(head, "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", "", "m\x00\xff\n\nrest"),
			want: lines(head, "author New <new@y> 1 +0000", "committer A <a> 1 +0000", "", "m\x00\xff\n\nrest"),
		},
		{
			name: "in the encoding it declares",
			in:   lines(head, "author M\xfcller <m@x> 1 +0000", "committer A <a> 1 +0000", "encoding ISO-8859-1", "", "gr\xfc\xdfe"),
			want: lines(head, "author J\xfcrgen M\xfcller <m@y> 1 +0000", "committer A <a> 1 +0000", "encoding ISO-8859-1", "", "gr\xfc\xdfe"),
		},
		{
			name: "in Japanese",
			in:   lines(head, "author Kanji <kanji@x> 1 +0000", "committer A <a> 1 +0000", "encoding EUC-JP", "", "m"),
			want: lines(head, "author \xb4\xc1\xbb\xfa <kanji@y> 1 +0000", "committer A <a> 1 +0000", "encoding EUC-JP", "", "m"),
		},
		{
			name: "UTF-8 by name",
			in:   lines(head, "author M\xfcller <m@x> 1 +0000", "committer A <a> 1 +0000", "encoding utf8", "", "m"),
			want: lines(head, "author Jürgen Müller <m@y> 1 +0000", "committer A <a> 1 +0000", "encoding utf8", "", "m"),
		},
		{
			name: "no message",
			in:   lines(head, "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", ""),
			want: lines(head, "author New <new@y> 1 +0000", "committer A <a> 1 +0000", ""),
		},
		{name: "cut off", in: "tree " + tree[:20]},
		{name: "empty", in: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, _ := object.ParseID(tree)
			got, err := NewEditor(object.SHA1, plan()).Commit([]byte(c.in), id, renamed)
			check(t, got, err, c.in, c.want, c.signature)
		})
	}
}

// check compares what was edited; "" wants it to stay.
func check(t *testing.T, got Edited, err error, in, want string, signature bool) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	changed := want != ""
	if !changed {
		want = in
	}
	if string(got.Data) != want || got.Changed != changed || got.SignatureDropped != signature {
		t.Errorf("got %q, changed %v, signature dropped %v; want %q, %v, %v", got.Data, got.Changed, got.SignatureDropped, want, changed, signature)
	}
}

func TestCommitTree(t *testing.T) {
	in := lines("tree "+tree, "author A <a> 1 +0000", "committer A <a> 1 +0000", "gpgsig x", "", "m")
	id, _ := object.ParseID(b1)
	got, err := NewEditor(object.SHA1, Plan{}).Commit([]byte(in), id, renamed)
	check(t, got, err, in, lines("tree "+b1, "author A <a> 1 +0000", "committer A <a> 1 +0000", "", "m"), true)
}

// TestEncodingLacksName refuses what would be read as another name.
func TestEncodingLacksName(t *testing.T) {
	for _, charset := range []string{"ISO-8859-1", "no such charset", "UTF-16", "ISO-2022-JP-3000"} {
		in := lines("tree "+tree, "author Kanji <kanji@x> 1 +0000", "committer A <a> 1 +0000", "encoding "+charset, "", "m")
		id, _ := object.ParseID(tree)
		_, err := NewEditor(object.SHA1, plan()).Commit([]byte(in), id, renamed)
		if rehome.CodeOf(err) != rehome.Invalid || !strings.Contains(err.Error(), "漢字") || !strings.Contains(err.Error(), charset) {
			t.Errorf("%s: %v", charset, err)
		}
	}
}

// TestEncodingOfASCII writes names in charsets whose bytes below 128 are not all ASCII.
func TestEncodingOfASCII(t *testing.T) {
	const refused = ""
	for _, c := range []struct{ charset, name, want string }{
		{"ISO-2022-JP", "漢", "\x1b$B4A\x1b(B"},
		{"ISO-2022-JP", "丈", refused}, // has the byte of '>'
		{"HZ-GB-2312", "A~", "A~~"},
		{"ISO-8859-1", "A~", "A~"},
		{"UTF-16", "A~", "A~"},
		{"UTF-7", "A~", "A~"},
	} {
		p := Plan{Authors: map[rehome.Identity]rehome.Identity{{Name: "A", Mail: "a"}: {Name: c.name, Mail: "n"}}}
		in := lines("tree "+tree, "author A <a> 1 +0000", "committer C <c> 1 +0000", "encoding "+c.charset, "", "m")
		id, _ := object.ParseID(tree)
		got, err := NewEditor(object.SHA1, p).Commit([]byte(in), id, renamed)
		if c.want == refused {
			if rehome.CodeOf(err) != rehome.Invalid {
				t.Errorf("%q in %s: %q, %v", c.name, c.charset, got.Data, err)
			}
			continue
		}
		check(t, got, err, in, strings.Replace(in, "A <a>", c.want+" <n>", 1), false)
	}
}

func TestTag(t *testing.T) {
	for _, c := range []struct {
		name      string
		in        string
		want      string
		signature bool
	}{
		{
			name: "tagger and what it names",
			in:   lines("object "+a1, "type commit", "tag v1", "tagger Old <old@x> 1 +0000", "", "m"),
			want: lines("object "+b1, "type commit", "tag v1", "tagger New <new@y> 1 +0000", "", "m"),
		},
		{
			name: "no tagger",
			in:   lines("object "+a1, "type tag", "tag v1", "", "tagger Old <old@x>"),
			want: lines("object "+b1, "type tag", "tag v1", "", "tagger Old <old@x>"),
		},
		{
			name: "a blob's tagger",
			in:   lines("object "+tree, "type blob", "tag v1", "tagger Old <old@x> 1 +0000", "", "m"),
			want: lines("object "+tree, "type blob", "tag v1", "tagger New <new@y> 1 +0000", "", "m"),
		},
		{
			name:      "signed",
			in:        lines("object "+a1, "type commit", "tag v1", "tagger A <a> 1 +0000", "gpgsig-sha256 x", " y", "", "m", "-----BEGIN PGP SIGNATURE-----", "x", "-----END PGP SIGNATURE-----", ""),
			want:      lines("object "+b1, "type commit", "tag v1", "tagger A <a> 1 +0000", "", "m", ""),
			signature: true,
		},
		{
			name:      "signed with SSH, the message quotes a signature",
			in:        lines("object "+a1, "type commit", "tag v1", "tagger A <a> 1 +0000", "", "-----BEGIN PGP SIGNATURE-----", "m", "-----BEGIN SSH SIGNATURE-----", "x", ""),
			want:      lines("object "+b1, "type commit", "tag v1", "tagger A <a> 1 +0000", "", "-----BEGIN PGP SIGNATURE-----", "m", ""),
			signature: true,
		},
		{
			name: "signed, nothing changes",
			in:   lines("object "+tree, "type commit", "tag v1", "tagger A <a> 1 +0000", "", "m", "-----BEGIN PGP SIGNATURE-----", "x"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := NewEditor(object.SHA1, plan()).Tag([]byte(c.in), renamed)
			check(t, got, err, c.in, c.want, c.signature)
		})
	}
}

func TestMessage(t *testing.T) {
	p := plan()
	p.Trailers = func(i rehome.Identity) (rehome.Identity, bool) { to, ok := p.Authors[i]; return to, ok }
	p.Hashes = true
	for _, c := range []struct{ name, in, want string }{
		{"trailers", "m\n\nCo-authored-by: Old <old@x>\nsigned-off-BY:Old <old@x> (note)\nReviewed-by: \t Old  <old@x>\n", "m\n\nCo-authored-by: New <new@y>\nsigned-off-BY:New <new@y> (note)\nReviewed-by: \t New <new@y>\n"},
		{"no trailers", "Old <old@x>\nby: Old <old@x>\nGood by: Old <old@x>\n Signed-off-by: Old <old@x>\nSigned-off-by: Old\nCc: Old <old@x>", ""},
		{"a whole id", "see " + a1 + ".", "see " + b1 + "."},
		{"an abbreviated id", "see aaaaaaa, (aaaaaaaaaaaa)", "see bbbbbbb, (bbbbbbbbbbbb)"},
		{"no ids", "aaaaaa xaaaaaaa aaaaaaa_ AAAAAAA 1234567 " + a1 + "0 aaaaaaab", ""},
		{"both in a line", "Fixed-by: Old <old@x> in aaaaaaa", "Fixed-by: New <new@y> in bbbbbbb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			head := lines("tree "+tree, "author A <a> 1 +0000", "committer A <a> 1 +0000", "", "")
			e := NewEditor(object.SHA1, p)
			e.Abbreviated = abbreviated
			id, _ := object.ParseID(tree)
			got, err := e.Commit([]byte(head+c.in), id, renamed)
			want := ""
			if c.want != "" {
				want = head + c.want
			}
			check(t, got, err, head+c.in, want, false)
		})
	}
}

// FuzzEditor edits whatever there is: with a plan that maps nobody and renames nothing it
// stays, and an edited object edits to itself.
func FuzzEditor(f *testing.F) {
	f.Add([]byte(lines("tree "+tree, "parent "+a1, "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", "encoding latin1", "gpgsig x", " y", "", "Signed-off-by: Old <old@x>\naaaaaaa")), false)
	f.Add([]byte(lines("object "+a1, "type commit", "tag v1", "tagger Old <old@x> 1 +0000", "", "m", "-----BEGIN PGP SIGNATURE-----")), true)
	f.Fuzz(func(t *testing.T, raw []byte, tag bool) {
		p := plan()
		p.Trailers = func(i rehome.Identity) (rehome.Identity, bool) { to, ok := p.Authors[i]; return to, ok }
		p.Hashes = true
		edit := func(p Plan, raw []byte, renamed func(object.ID) object.ID) (Edited, error) {
			e := NewEditor(object.SHA1, p)
			e.Abbreviated = abbreviated
			if tag {
				return e.Tag(raw, renamed)
			}
			return e.commit(raw, func(id object.ID) object.ID { return id }, renamed)
		}
		same := func(id object.ID) object.ID { return id }
		if got, err := edit(Plan{}, raw, same); err != nil || got.Changed || string(got.Data) != string(raw) {
			t.Fatalf("a plan that says nothing makes %q, %v", got.Data, err)
		}
		once, err := edit(p, raw, renamed)
		if err != nil {
			return
		}
		twice, err := edit(Plan{Authors: p.Authors}, once.Data, renamed)
		if err == nil && twice.Changed && !strings.Contains(string(once.Data), "\r") {
			t.Fatalf("%q becomes %q and that %q", raw, once.Data, twice.Data)
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	raw := []byte(lines("tree "+tree, "parent "+a1, "author Old <old@x> 1 +0000", "committer A <a> 1 +0000", "", strings.Repeat("some words of a message\n", 20)))
	e := NewEditor(object.SHA1, plan())
	id, _ := object.ParseID(tree)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Commit(raw, id, renamed); err != nil {
			b.Fatal(err)
		}
	}
}
