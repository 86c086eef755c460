package survey

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/testenv"
)

// received is a repository that came through repo.Receive under a survey.
type received struct {
	repo    *repo.Repo
	refs    []repo.Ref
	survey  *Survey
	batches int
	told    []Identity
}

// receive packs the repository at dir, all of it, and receives it with a survey looking on.
func receive(t testing.TB, dir string, largeOver int64, workers int) *received {
	t.Helper()
	format, err := object.ParseFormat(testenv.Git(t, dir, "rev-parse", "--show-object-format"))
	if err != nil {
		t.Fatal(err)
	}
	r := &received{}
	if r.repo, err = repo.Init(filepath.Join(t.TempDir(), "raw"), format); err != nil {
		t.Fatal(err)
	}
	for _, line := range testenv.ShowRefs(t, dir) {
		hex, name, _ := strings.Cut(line, " ")
		id, err := object.ParseID(hex)
		if err != nil {
			t.Fatal(err)
		}
		r.refs = append(r.refs, repo.Ref{Name: name, ID: id})
	}
	r.survey = New(Options{Format: format, LargeOver: largeOver, Workers: workers, Identities: func(batch []Identity) {
		r.batches++
		r.told = append(r.told, batch...)
	}})
	stream := testenv.Git(t, dir, "pack-objects", "--all", "--stdout", "--delta-base-offset", "-q") + "\n"
	for range 2 { // Git cuts a final line feed, which a pack may end in
		if _, err = r.repo.Receive(t.Context(), strings.NewReader(stream), repo.ReceiveOptions{Visit: r.survey.Visit, Workers: workers}); err == nil {
			return r
		}
		stream = strings.TrimSuffix(stream, "\n")
	}
	t.Fatal(err)
	return nil
}

func (r *received) finish(t testing.TB, head string) (Result, error) {
	t.Helper()
	objects, err := r.repo.Objects()
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	return r.survey.Finish(t.Context(), objects, r.refs, head)
}

// gitPeople returns the identities git log and the tags know, sorted, as "name <mail>".
func gitPeople(t testing.TB, dir string) []string {
	t.Helper()
	out := testenv.Git(t, dir, "-c", "i18n.logOutputEncoding=binary", "log", "--all", "--encoding=", "--format=%an <%ae>%n%cn <%ce>")
	out += "\n" + testenv.Git(t, dir, "for-each-ref", "--format=%(taggername) %(taggeremail)", "refs/tags")
	list := strings.Split(out, "\n")
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == " " || s == "" })
}

func namesOf(list []Identity) []string {
	var names []string
	for _, i := range list {
		names = append(names, fmt.Sprintf("%s <%s>", i.Name, i.Mail))
	}
	return names
}

func TestSurveyAgreesWithGit(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		for _, kind := range []string{"rich", "synthetic"} {
			dir := filepath.Join(t.TempDir(), "source.git")
			if kind == "rich" {
				testenv.Rich(t, dir, format)
				testenv.Git(t, dir, "update-ref", "-d", "refs/replace/"+testenv.Git(t, dir, "rev-parse", "refs/heads/trunk"))
			} else {
				testenv.Synthetic(t, dir, format, testenv.Size{Commits: 300, Files: 60})
			}
			r := receive(t, dir, 0, 2)
			got, err := r.finish(t, "refs/heads/trunk")
			if err != nil {
				t.Fatalf("%s, %s: %v", format, kind, err)
			}
			types := map[string]int64{}
			for _, typ := range strings.Fields(testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")) {
				types[typ]++
			}
			if got.Commits != types["commit"] || got.Trees != types["tree"] || got.Blobs != types["blob"] || got.Tags != types["tag"] {
				t.Errorf("%s, %s: %d commits, %d trees, %d blobs, %d tags; git has %v", format, kind, got.Commits, got.Trees, got.Blobs, got.Tags, types)
			}
			names := namesOf(got.Identities)
			if !slices.Equal(names, namesOf(r.told)) {
				t.Errorf("%s, %s: told of %q, found %q", format, kind, namesOf(r.told), names)
			}
			slices.Sort(names)
			if want := gitPeople(t, dir); !slices.Equal(names, want) {
				t.Errorf("%s, %s: identities\n%q, git has\n%q", format, kind, names, want)
			}
			if len(got.LargeFiles) != 0 {
				t.Errorf("%s, %s: large files %v", format, kind, got.LargeFiles)
			}
		}
	}
}

// TestIdentitiesComeWithHistory: all are told of before the first tree or blob, in small batches.
func TestIdentitiesComeWithHistory(t *testing.T) {
	var told []Identity
	d := drive(t, Options{Identities: func(batch []Identity) { told = append(told, batch...) }})
	tree := object.FromBytes(object.SHA1, fakeID(0))
	most := 0
	for n := range 500 {
		d.must(object.Commit, fmt.Sprintf("tree %s\nauthor A%d <a@x> 1 +0000\ncommitter C <c@x> 1 +0000\n\n%d\n", tree, n/2, n))
		most = max(most, n/2+2-len(told))
	}
	if most > peopleBatch {
		t.Errorf("%d identities were waiting", most)
	}
	d.must(object.Blob, "content")
	if len(told) != 251 || string(told[0].Name) != "A0" || string(told[1].Name) != "C" || string(told[250].Name) != "A249" {
		t.Errorf("told of %d", len(told))
	}
}

func TestLargeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source.git")
	big := func(n int) string { return strings.Repeat("x", n) }
	testenv.FromStream(t, dir, "sha1", strings.Join([]string{
		stream("trunk", 1, "", "a/b c/one.bin", big(3000)),
		stream("side", 2, "from refs/heads/trunk\n", "two.bin", big(4000)),
		stream("gone", 3, "from refs/heads/trunk\n", "deep/er/three.bin", big(5000)),
		stream("trunk", 4, "", "small", big(10)),
		"reset refs/tags/v1\nfrom refs/heads/gone\n\n",
		"reset refs/custom/x\nfrom refs/heads/gone\n\n",
	}, ""))
	testenv.Git(t, dir, "update-ref", "-d", "refs/heads/gone")
	blob := testenv.GitIn(t, dir, strings.NewReader(big(6000)), "hash-object", "-w", "--stdin")
	testenv.Git(t, dir, "update-ref", "refs/tags/blob", blob)
	r := receive(t, dir, 2999, 1)
	got, err := r.finish(t, "refs/heads/trunk")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range got.LargeFiles {
		if f.Path != nil && testenv.Git(t, dir, "cat-file", "-s", string(f.OID)) != fmt.Sprint(f.Size) {
			t.Errorf("%s has another size than %d", f.OID, f.Size)
		}
		list = append(list, fmt.Sprintf("%d %s %s", f.Size, f.Ref, f.Path))
	}
	want := []string{"6000 refs/tags/blob ", "5000 refs/tags/v1 deep/er/three.bin", "4000 refs/heads/side two.bin", "3000 refs/heads/trunk a/b c/one.bin"}
	if !slices.Equal(list, want) {
		t.Errorf("got  %q\nwant %q", list, want)
	}
}

// stream is a fast-import commit that puts one file in place.
func stream(branch string, n int, from, path, content string) string {
	return fmt.Sprintf("commit refs/heads/%s\ncommitter C <c@x> %d +0000\ndata 1\nm\n%sM 100644 inline %s\ndata %d\n%s\n", branch, n, from, path, len(content), content)
}

const line = "author A <a@x> 1 +0000\ncommitter C <c@x> 1 +0000\n\nm\n"

// TestConnectivity: what is named must be there, as what it was named as.
func TestConnectivity(t *testing.T) {
	missing := object.FromBytes(object.SHA1, fakeID(1))
	entry := func(mode string, id object.ID) string { return string(treeEntry(mode, "x", id.Bytes())) }
	idOf := func(typ object.Type, data string) object.ID {
		id, err := object.NewHasher(object.SHA1).Sum(typ, []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	wrong := func(mode, blob string) string {
		return idOf(object.Tree, entry(mode, idOf(object.Blob, blob))).String()
	}
	cases := []struct {
		name string
		show func(d *driver) object.ID // returns what a ref points to
		want string
	}{
		{"whole", func(d *driver) object.ID {
			tree := d.must(object.Tree, entry("100644", d.must(object.Blob, "b")))
			c := d.must(object.Commit, fmt.Sprintf("tree %s\n%s", tree, line))
			return d.must(object.Tag, fmt.Sprintf("object %s\ntype commit\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", c))
		}, ""},
		{"submodule", func(d *driver) object.ID { return d.must(object.Tree, entry("160000", missing)) }, ""},
		{"blob missing", func(d *driver) object.ID { return d.must(object.Tree, entry("100644", missing)) }, "names as a blob, is missing"},
		{"tree missing", func(d *driver) object.ID { return d.must(object.Tree, entry("40000", missing)) }, "names as a tree, is missing"},
		{"root missing", func(d *driver) object.ID {
			return d.must(object.Commit, fmt.Sprintf("tree %s\n%s", missing, line))
		}, "'s commit "},
		{"parent missing", func(d *driver) object.ID {
			return d.must(object.Commit, fmt.Sprintf("tree %s\nparent %s\n%s", d.must(object.Tree, ""), missing, line))
		}, "names as a commit, is missing"},
		{"tagged missing", func(d *driver) object.ID {
			return d.must(object.Tag, fmt.Sprintf("object %s\ntype tag\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", missing))
		}, "names as a tag, is missing"},
		{"ref to nothing", func(d *driver) object.ID { return missing }, "refs/heads/x points to, is missing"},
		{"blob as tree", func(d *driver) object.ID { return d.must(object.Tree, entry("40000", d.must(object.Blob, "b"))) }, "names as a tree, is a blob"},
		{"tree as blob", func(d *driver) object.ID { return d.must(object.Tree, entry("100644", d.must(object.Tree, ""))) }, "names as a blob, is a tree"},
		{"commit as tree", func(d *driver) object.ID {
			c := d.must(object.Commit, fmt.Sprintf("tree %s\n%s", d.must(object.Tree, ""), line))
			return d.must(object.Commit, fmt.Sprintf("tree %s\n%s", c, line))
		}, "names as a tree, is a commit"},
		{"blob as parent", func(d *driver) object.ID {
			return d.must(object.Commit, fmt.Sprintf("tree %s\nparent %s\n%s", d.must(object.Tree, ""), d.must(object.Blob, "b"), line))
		}, "names as a commit, is a blob"},
		{"tag of another type", func(d *driver) object.ID {
			return d.must(object.Tag, fmt.Sprintf("object %s\ntype commit\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", d.must(object.Blob, "b")))
		}, "names as a commit, is a blob"},
		{"two types at once", func(d *driver) object.ID {
			b := d.must(object.Blob, "b")
			d.must(object.Tree, entry("40000", b))
			return d.must(object.Tree, entry("100644", b))
		}, "tree " + wrong("40000", "b") + " names as a tree, is a blob"},
		{"two types at once, the right one first", func(d *driver) object.ID {
			b := d.must(object.Blob, "b")
			d.must(object.Tree, entry("100644", b))
			return d.must(object.Tree, entry("40000", b))
		}, "tree " + wrong("40000", "b") + " names as a tree, is a blob"},
		{"two types at once, the object last", func(d *driver) object.ID {
			d.must(object.Tree, entry("100644", idOf(object.Blob, "b")))
			tip := d.must(object.Tree, entry("40000", idOf(object.Blob, "b")))
			d.must(object.Blob, "b")
			return tip
		}, "tree " + wrong("40000", "b") + " names as a tree, is a blob"},
		{"a commit comes after the tree that names it", func(d *driver) object.ID {
			text := fmt.Sprintf("tree %s\n%s", d.must(object.Tree, ""), line)
			tip := d.must(object.Tree, entry("100644", idOf(object.Commit, text)))
			d.must(object.Commit, text)
			return tip
		}, "'s tree "},
		{"a commit comes after the tag that names it", func(d *driver) object.ID {
			text := fmt.Sprintf("tree %s\n%s", d.must(object.Tree, ""), line)
			tip := d.must(object.Tag, fmt.Sprintf("object %s\ntype blob\ntag v\ntagger T <t@x> 1 +0000\n\nm\n", idOf(object.Commit, text)))
			d.must(object.Commit, text)
			return tip
		}, "'s tag "},
		{"nothing but zeros", func(d *driver) object.ID { return d.must(object.Tree, entry("100644", object.SHA1.Zero())) }, "is missing"},
	}
	for _, c := range cases {
		d := drive(t, Options{})
		tip := c.show(d)
		_, err := d.s.Finish(t.Context(), nil, []repo.Ref{{Name: "refs/heads/x", ID: tip}}, "")
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || rehome.CodeOf(err) != rehome.CorruptObject || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// TestElsewhere: what a fetch did not bring may be in the repository already.
func TestElsewhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "source.git")
	testenv.Rich(t, dir, "sha1")
	r := receive(t, dir, 0, 1)
	more := drive(t, Options{})
	tip := r.refs[slices.IndexFunc(r.refs, func(f repo.Ref) bool { return f.Name == "refs/heads/trunk" })]
	tree := testenv.Git(t, dir, "rev-parse", "refs/heads/trunk^{tree}")
	more.must(object.Commit, fmt.Sprintf("tree %s\nparent %s\n%s", tree, tip.ID, line))
	r.survey = more.s
	if _, err := r.finish(t, ""); err != nil {
		t.Error(err)
	}
}

func TestUnreadable(t *testing.T) {
	cases := []struct {
		typ  object.Type
		data string
		code rehome.Code
		want string
	}{
		{object.Tree, "100644 a\x00short", rehome.CorruptObject, "bad_tree"},
		{object.Commit, "nothing", rehome.CorruptObject, "missing_tree"},
		{object.Tag, "nothing", rehome.CorruptObject, "missing_object"},
	}
	for _, c := range cases {
		d := drive(t, Options{})
		o, err := d.show(c.typ, []byte(c.data), nil, nil)
		var e *rehome.Error
		if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Message, c.want) || !strings.Contains(e.Message, o.ID.String()) {
			t.Errorf("%q: %v, want %s", c.data, err, c.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	d := drive(t, Options{})
	empty := d.must(object.Tree, "")
	var first object.ID
	for n := range 3 {
		id := d.must(object.Commit, fmt.Sprintf("tree %s\nauthor A <a@x> %d +051800\ncommitter C <c@x> 1 +0000\n\n", empty, n))
		if n == 0 {
			first = id
		}
	}
	padded := d.must(object.Tree, string(treeEntry("040000", "a", empty.Bytes())))
	got, err := d.s.Finish(t.Context(), nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []rehome.Warning{
		{Kind: "bad_timezone", Object: rehome.ObjectID(first.String()), Count: 3, Text: "kept as it is"},
		{Kind: "zero_padded_filemode", Object: rehome.ObjectID(padded.String()), Count: 1, Text: "kept as it is"},
	}
	if !slices.Equal(got.Warnings, want) {
		t.Errorf("got  %v\nwant %v", got.Warnings, want)
	}
}

func TestTooDeep(t *testing.T) {
	for depth, ok := range map[int]bool{maxDepth: true, maxDepth + 1: false, 40_000: false} {
		d := drive(t, Options{})
		id := d.must(object.Tree, "")
		for range depth - 1 {
			id = d.must(object.Tree, string(treeEntry("40000", "d", id.Bytes())))
		}
		_, err := d.s.Finish(t.Context(), nil, nil, "")
		if ok && err != nil || !ok && rehome.CodeOf(err) != rehome.LimitPassed {
			t.Errorf("%d folders: %v", depth, err)
		}
	}
}

// TestExpect: a tree that names far more than there can be is refused while it passes; of one that names a few more
// Finish says what is missing, and at which end.
func TestExpect(t *testing.T) {
	var data []byte
	for n := range slack + 1000 {
		data = append(data, treeEntry("100644", fmt.Sprintf("%05d", n), fakeID(n))...)
	}
	d := drive(t, Options{Peer: "destination"})
	d.s.Expect(1000)
	_, err := d.show(object.Tree, data, nil, nil)
	if rehome.CodeOf(err) != rehome.CorruptObject || !strings.Contains(err.Error(), "The destination's trees name thousands of objects that the destination lacks") {
		t.Errorf("%d ids for 1,000 objects: %v", slack+1001, err)
	}
	d = drive(t, Options{Peer: "destination"})
	d.s.Expect(1001)
	if _, err := d.show(object.Tree, data, nil, nil); err != nil {
		t.Error(err)
	}
	_, err = d.s.Finish(t.Context(), nil, nil, "")
	if rehome.CodeOf(err) != rehome.CorruptObject || !strings.Contains(err.Error(), "which the destination's tree ") {
		t.Errorf("what is missing: %v", err)
	}
}

// TestScratch: the table lives in scratch memory and all of it is given back.
func TestScratch(t *testing.T) {
	taken, given := 0, 0
	d := drive(t, Options{Scratch: func(size int64) ([]byte, func(), error) {
		taken++
		return make([]byte, size), func() { given++ }, nil
	}})
	for n := range 100_000 {
		d.must(object.Blob, fmt.Sprint(n))
	}
	got, err := d.s.Finish(t.Context(), nil, nil, "")
	d.s.Close()
	if err != nil || got.Blobs != 100_000 || taken == 0 || given != taken {
		t.Errorf("%d blobs, %d of %d pieces given back, %v", got.Blobs, given, taken, err)
	}
	full := errors.New("disk full")
	d = drive(t, Options{Scratch: func(int64) ([]byte, func(), error) { return nil, nil, full }})
	if _, err := d.show(object.Blob, nil, nil, nil); !errors.Is(err, full) {
		t.Errorf("without memory: %v", err)
	}
}

// TestTableAgainstMap puts ids in from several sides and finds them all.
func TestTableAgainstMap(t *testing.T) {
	tab := newTable(object.SHA1, nil)
	want := map[string]byte{}
	for n := range 60_000 {
		id := fakeID(n % 20_000)
		if n%3 == 0 {
			tab.see(id, object.Tree, 0)
			want[string(id)] |= byte(object.Tree)
			continue
		}
		tab.want(id, wantTree, uint32(n))
		want[string(id)] |= wantTree | hasRef
	}
	n := 0
	tab.all(func(k known) bool {
		n++
		again, ok := tab.find(k.id)
		if !ok || again.number != k.number || k.state != want[string(k.id)] {
			t.Fatalf("%x: state %x, want %x", k.id, k.state, want[string(k.id)])
		}
		return true
	})
	if n != len(want) {
		t.Errorf("%d ids, want %d", n, len(want))
	}
}
