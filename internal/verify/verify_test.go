package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/transport"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/source/git"
	"rehome/internal/testenv"
)

// ids is a Map.
type ids map[string]string

func (m ids) New(old object.ID) (object.ID, bool) {
	id, err := object.ParseID(m[old.String()])
	return id, err == nil
}

// history is two commits with two files, a tag and a note, as git fast-import reads it; pairs of words are replaced in it.
func history(t *testing.T, format string, pairs ...string) string {
	t.Helper()
	stream := "blob\nmark :6\ndata 9\n*.x text\n\nblob\nmark :7\ndata 52\n[submodule \"lib\"]\n\tpath = lib\n\turl = ../old-lib.git\n\nblob\nmark :1\ndata 4\none\n\nblob\nmark :2\ndata 4\ntwo\n\nblob\nmark :3\ndata 5\nnote\n\n" +
		"commit refs/heads/main\nmark :4\nauthor Ada <ada@old.example> 1000000000 +0100\ncommitter Ada <ada@old.example> 1000000000 +0100\ndata 6\nfirst\n\nM 100644 :1 a/one\nM 100644 :2 two\nM 100644 :6 a/.gitattributes\nM 100644 :7 .gitmodules\n\n" +
		"commit refs/heads/main\nmark :5\nauthor Ada <ada@old.example> 1000000001 +0100\ncommitter Bob <bob@old.example> 1000000002 +0100\ndata <<END\nsecond\n\nCo-authored-by: Ada <ada@old.example>\nEND\nfrom :4\nM 100644 :2 a/three\n\n" +
		"tag v1\nfrom :5\ntagger Ada <ada@old.example> 1000000003 +0000\ndata 3\nv1\n\n" +
		"commit refs/notes/commits\nauthor Ada <ada@old.example> 1000000004 +0000\ncommitter Ada <ada@old.example> 1000000004 +0000\ndata 5\nnote\nN :3 :4\n\n" +
		"reset refs/heads/main\nfrom :5\n\n"
	dir := filepath.Join(t.TempDir(), "r.git")
	testenv.FromStream(t, dir, format, strings.NewReplacer(pairs...).Replace(stream))
	testenv.Git(t, dir, "symbolic-ref", "HEAD", "refs/heads/main")
	return dir
}

// mapOf pairs the commits of main and of the notes.
func mapOf(t *testing.T, from, to string) ids {
	t.Helper()
	m := ids{}
	for _, ref := range []string{"refs/heads/main", "refs/notes/commits"} {
		old := strings.Fields(testenv.Git(t, from, "rev-list", ref))
		for n, id := range strings.Fields(testenv.Git(t, to, "rev-list", ref)) {
			if n < len(old) {
				m[old[n]] = id
			}
		}
	}
	return m
}

func ofSource(path string) End {
	return End{remote.Location{Path: path}, git.New(git.Options{})}
}

func ofDestination(path string) End {
	return End{remote.Location{Path: path}, git.New(git.Options{Peer: transport.Destination})}
}

func run(t *testing.T, from, to string, depth rehome.Depth, m Map) Result {
	t.Helper()
	r, err := Run(t.Context(), Options{
		Source: ofSource(from), Destination: ofDestination(to), Depth: depth, Map: m, Dir: t.TempDir(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatAMoveMayChange(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		from := history(t, format)
		to := history(t, format, "Ada <ada@old.example>", "Ada King <ada@new.example>")
		r := run(t, from, to, rehome.VerifyObjects, mapOf(t, from, to))
		if !r.Equal || r.Refs != 3 || r.Commits != 3 || r.Changed != 3 || r.Partly() {
			t.Errorf("%s: got %+v", format, r)
		}
	}
}

func TestOtherLines(t *testing.T) {
	t.Parallel()
	const signed = "tree 1\nparent 2\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\ngpgsig -----BEGIN\n \n abc\n -----END\nencoding latin1\n\n"
	for _, test := range []struct{ name, old, new, want string }{
		{"signature dropped", signed + "text\n", strings.Replace(signed, "gpgsig -----BEGIN\n \n abc\n -----END\n", "", 1) + "text\n", ""},
		{"signature last", "tree 1\ngpgsig a\n b\n\n", "tree 1\n\n", ""},
		{"encoding", signed, strings.Replace(signed, "latin1", "latin2", 1), "has another encoding line at the destination"},
		{"header gone", signed, strings.Replace(signed, "encoding latin1\n", "", 1), "has other header lines at the destination"},
		{"trailer", signed + "x\n\nSigned-off-by: A <a@x>\n", signed + "x\n\nSigned-off-by: B <b@y>\n", ""},
		{"trailer gone", signed + "x\n\nSigned-off-by: A <a@x>\n", signed + "x\n", "has another message at the destination"},
		{"hash", signed + "reverts 1234567a.\n", signed + "reverts 7654321b.\n", ""},
		{"word", signed + "reverts 123456.\n", signed + "reverts 654321.\n", "has another message at the destination"},
	} {
		start := func(text string) int { return strings.Index(text, "\n\n") + 2 }
		if got := otherLines([]byte(test.old), []byte(test.new), start(test.old), start(test.new)); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

// TestWhatAMoveMayNotChange makes destinations that lie. Their commit maps are as they would have to be.
func TestWhatAMoveMayNotChange(t *testing.T) {
	t.Parallel()
	from := history(t, "sha1")
	for _, test := range []struct{ name, old, new, want string }{
		{"message", "data 6\nfirst", "data 6\nfirsT", "has another message"},
		{"author's date", "1000000001 +0100", "1000000001 +0200", "has another author"},
		{"committer's date", "1000000002", "1000000009", "has another committer"},
		{"file", "data 4\none", "data 4\nonE", `"one" has other bytes`},
		{"mode", "M 100644 :1", "M 100755 :1", `"one" is something else`},
		{"missing file", "M 100644 :2 two\n", "", `"two" is not at the destination`},
		{"another file", "M 100644 :2 two\n", "M 100644 :2 two\nM 100644 :2 a/more\n", `"more" is at the destination only`},
		{"file for folder", "M 100644 :2 two\n", "M 100644 :2 two/two\n", `"two" is something else`},
		{"attributes that are new", "M 100644 :2 two\n", "M 100644 :2 two\nM 100644 :1 .gitattributes\n", `".gitattributes" is at the destination only`},
		{"attributes", "*.x text\n", "*.y text\n", `".gitattributes" has other bytes`},
		{"attributes that are gone", "M 100644 :6 a/.gitattributes\n", "", `".gitattributes" is not at the destination`},
		{"submodules' file", "path = lib", "path = bin", `".gitmodules" has other bytes`},
		{"parent", "from :4\nM 100644 :2 a/three\n", "merge :4\nM 100644 :2 a/three\nM 100644 :1 a/one\nM 100644 :2 two\n", "parents: 1 at the source, 2 at"},
		{"tag's message", "data 3\nv1\n", "data 3\nv2\n", "has another message"},
		{"tag's date", "1000000003", "1000000004", "has another tagger"},
		{"note", "data 5\nnote\n\ncommit", "data 5\nnotE\n\ncommit", "has no such note"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			to := history(t, "sha1", "Ada <ada@old.example>", "Ada King <ada@new.example>", test.old, test.new)
			r := run(t, from, to, rehome.VerifyObjects, mapOf(t, from, to))
			found := slices.ContainsFunc(r.Differences, func(d Difference) bool { return strings.Contains(d.Text, test.want) })
			if r.Equal || !found {
				t.Errorf("got %+v, want %q", r.Differences, test.want)
			}
		})
	}
}

func TestEditedFiles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		old, new string
		want     bool
	}{
		{"*.x text", "*.x text\n/a.bin filter=lfs diff=lfs merge=lfs -text\n", true},
		{"*.x text\n", "*.x text\n\"/a b\" diff=lfs\tfilter=lfs merge=lfs -text\n", true},
		{"", "/a.bin filter=lfs diff=lfs merge=lfs -text\n", true},
		{"*.x text\n", "/a.bin filter=lfs diff=lfs merge=lfs -text\n", false},
		{"*.x text\n", "*.x text\n*.y text\n", false},
		{"*.x text\n", "*.x text\n/a.bin filter=lfs diff=lfs merge=lfs -text\n*.y text\n", false},
		{"*.x", "*.x text\n/a.bin filter=lfs diff=lfs merge=lfs -text\n", false},
	} {
		if got := addsRules([]byte(test.old), []byte(test.new)); got != test.want {
			t.Errorf("%q to %q: got %v", test.old, test.new, got)
		}
	}
	from, to := history(t, "sha1"), history(t, "sha1", "../old-lib.git", "../new-lib.git")
	if r := run(t, from, to, rehome.VerifyObjects, mapOf(t, from, to)); !r.Equal {
		t.Errorf("another URL of a submodule: %+v", r.Differences)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	from := history(t, "sha1")
	main, tag := testenv.Git(t, from, "rev-parse", "main"), testenv.Git(t, from, "rev-parse", "v1")
	first := testenv.Git(t, from, "rev-parse", "main~1")
	changed := history(t, "sha1", "Ada <ada@old.example>", "Ada King <ada@new.example>")
	now := testenv.Git(t, changed, "rev-parse", "main")
	receipt := func(name, source, final string) *rehome.Receipt {
		r := &rehome.Receipt{}
		r.Refs.Refs = []rehome.ReceiptRef{{Name: name, Source: rehome.ObjectID(source), Final: rehome.ObjectID(final)}}
		return r
	}
	for _, test := range []struct {
		name    string
		to      func(t *testing.T) string
		m       Map
		receipt *rehome.Receipt
		choose  []string
		want    string
	}{
		{name: "equal", to: func(*testing.T) string { return from }},
		{name: "default branch", to: func(t *testing.T) string {
			to := history(t, "sha1")
			testenv.Git(t, to, "symbolic-ref", "HEAD", "refs/heads/other")
			return to
		}, want: `lacks: the default branch is "other" at the destination, not "main"`},
		{name: "nothing there", to: func(t *testing.T) string {
			dir := filepath.Join(t.TempDir(), "empty.git")
			testenv.Empty(t, dir, "sha1")
			return dir
		}, choose: []string{"main"}, want: `missing refs/heads/main, lacks: the default branch is "trunk" at the destination, not "main"`},
		{name: "lightweight for annotated", to: func(t *testing.T) string {
			to := history(t, "sha1")
			testenv.Git(t, to, "update-ref", "refs/tags/v1", main)
			return to
		}, choose: []string{"v1"}, want: "different refs/tags/v1"},
		{name: "annotated by its commit", to: func(*testing.T) string { return changed }, m: ids{main: now}, choose: []string{"v1", "main"}},
		{name: "annotated at another commit", to: func(t *testing.T) string {
			to := history(t, "sha1", "Ada <ada@old.example>", "Ada King <ada@new.example>")
			testenv.Git(t, to, "tag", "-f", "v1", "main~1")
			return to
		}, m: ids{main: now}, choose: []string{"v1"}, want: "different refs/tags/v1"},
		{name: "unknown to the map", to: func(*testing.T) string { return changed }, m: ids{first: now}, choose: []string{"main"}, want: "unmapped refs/heads/main"},
		{name: "removed by the map", to: func(*testing.T) string { return changed }, m: ids{main: strings.Repeat("0", 40)}, choose: []string{"main"}, want: "left out: refs/heads/main"},
		{name: "receipt", to: func(*testing.T) string { return changed }, receipt: receipt("refs/tags/v1", tag, testenv.Git(t, changed, "rev-parse", "v1")), choose: []string{"v1"}},
		{name: "moved since", to: func(*testing.T) string { return changed }, receipt: receipt("refs/heads/main", first, now), choose: []string{"main"}, want: "moved refs/heads/main"},
		{name: "moved since, with a map", to: func(*testing.T) string { return changed }, receipt: receipt("refs/heads/main", first, now), m: ids{main: now}, choose: []string{"main"}},
		{name: "gone at the source", to: func(*testing.T) string { return from }, receipt: receipt("refs/heads/gone", first, first), want: "missing refs/heads/gone"},
		{name: "left out", to: func(t *testing.T) string {
			to := history(t, "sha1")
			testenv.Git(t, to, "update-ref", "-d", "refs/tags/v1")
			return to
		}, receipt: &rehome.Receipt{Refs: rehome.ReceiptRefs{Skipped: []rehome.SkippedRef{rehome.NewSkippedRef("refs/tags/v1", rehome.ObjectID(tag), "too heavy")}}}, want: "left out: refs/tags/v1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), Options{
				Source: ofSource(from), Destination: ofDestination(test.to(t)),
				Map: test.m, Receipt: test.receipt, Choose: source.RefChoice{Include: test.choose},
			})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range r.Differences {
				got = append(got, d.Kind+" "+d.Name)
			}
			for _, ref := range r.LeftOut {
				got = append(got, "left out: "+ref.Name)
			}
			for _, what := range r.Lacks {
				got = append(got, "lacks: "+what)
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if r.Equal != (len(r.Differences) == 0) {
				t.Errorf("equal is %v", r.Equal)
			}
		})
	}
}

func TestRenamedDefaultBranch(t *testing.T) {
	t.Parallel()
	from, to := history(t, "sha1"), history(t, "sha1")
	testenv.Git(t, to, "branch", "-m", "main", "trunk")
	id := rehome.ObjectID(testenv.Git(t, from, "rev-parse", "main"))
	receipt := &rehome.Receipt{}
	receipt.Head.Source.DefaultBranch, receipt.Head.Destination.DefaultBranch = "main", "trunk"
	receipt.Refs.Refs = []rehome.ReceiptRef{{Name: "refs/heads/trunk", Source: id, Final: id}}
	r, err := Run(t.Context(), Options{Source: ofSource(from), Destination: ofDestination(to), Receipt: receipt})
	if err != nil || !r.Equal || r.Partly() || len(r.Extra) > 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestOtherFormat(t *testing.T) {
	t.Parallel()
	r := run(t, history(t, "sha1"), history(t, "sha256"), rehome.VerifyObjects, nil)
	if r.Equal || !slices.ContainsFunc(r.Differences, func(d Difference) bool { return d.Kind == "format" }) {
		t.Errorf("got %+v", r.Differences)
	}
}

func TestNothingStays(t *testing.T) {
	t.Parallel()
	work := t.TempDir()
	from := history(t, "sha1")
	_, err := Run(t.Context(), Options{Source: ofSource(from), Destination: ofDestination(from + "x"), Depth: rehome.VerifyBytes, Dir: work})
	if rehome.CodeOf(err) != rehome.NotARepository || !strings.Contains(rehome.AsError(err).Message, "at the destination's address") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
