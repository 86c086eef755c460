package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zlib"

	"rehome"
	"rehome/internal/bucket"
	"rehome/internal/git/attributes"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/testenv"
)

// received takes the repository at dir in as a source is, and gives the trees of its commits.
func received(t testing.TB, dir string, format object.Format) (*repo.Repo, []object.ID) {
	t.Helper()
	r := empty(t, format)
	all := testenv.GitIn(t, dir, strings.NewReader(""), "pack-objects", "--all", "--stdout", "-q", "--delta-base-offset", "--window=50")
	if _, err := r.Receive(context.Background(), strings.NewReader(all), repo.ReceiveOptions{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	var roots []object.ID
	for line := range strings.FieldsSeq(testenv.Git(t, dir, "log", "--all", "--format=%T")) {
		id, err := object.ParseID(line)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, id)
	}
	slices.SortFunc(roots, object.ID.Compare)
	return r, slices.Compact(roots)
}

func empty(t testing.TB, format object.Format) *repo.Repo {
	t.Helper()
	r, err := repo.Init(filepath.Join(t.TempDir(), "r.git"), format)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// options are for making Git LFS files of everything over a size, into a repository of their own.
func options(t testing.TB, from *repo.Repo, roots []object.ID, over int64) Options {
	t.Helper()
	objects, err := from.Objects()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(objects.Close)
	into := empty(t, from.Format())
	store, err := lfs.Local(filepath.Join(into.Dir(), "lfs"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Objects: objects, Format: from.Format(), Roots: roots, Choice: rehome.LFSOptIn, Over: over,
		Into: into, Store: store, Scratch: repo.Scratch(into.Dir()), Workers: 2,
	}
}

// packed is what git says of the pack that came out: its objects, their deltas, its bytes.
type packed struct {
	ids   []string
	chain int // deltas on one another at most
	bytes int64
}

func (p packed) has(id object.ID) bool { return slices.Contains(p.ids, id.String()) }

func look(t testing.TB, r *repo.Repo, name string) packed {
	t.Helper()
	file := filepath.Join(r.Dir(), "objects/pack", name+".pack")
	var p packed
	for line := range strings.Lines(testenv.Git(t, r.Dir(), "verify-pack", "-v", file)) {
		var depth int
		word := strings.Fields(line)
		if len(word) < 5 || len(word[0]) != 2*r.Format().Size() {
			continue
		}
		if len(word) == 7 {
			fmt.Sscan(word[5], &depth) //nolint:errcheck // git's own
		}
		p.ids, p.chain = append(p.ids, word[0]), max(p.chain, depth)
	}
	slices.Sort(p.ids)
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	p.bytes = st.Size()
	return p
}

// growing is a history of a file that grows past the limit and back again, so that small versions are deltas of
// large ones, beside files of their own, in a folder and at the root.
func growing(t testing.TB, format object.Format) (*repo.Repo, []object.ID) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "from.git")
	var s strings.Builder
	for n := range 150 {
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter C <c@x> %d +0000\ndata 0\n", n)
		var text strings.Builder
		for line := range 40 + 40*((n/3)%2) {
			fmt.Fprintf(&text, "%x the line %d of a file that grows, %d\n", line*line*7919, line, n*(line%40/39))
		}
		for _, path := range []string{"d/grows.bin", "grows.bin"} {
			fmt.Fprintf(&s, "M 100644 inline %s\ndata %d\n%s\n", path, text.Len(), text.String())
		}
		fmt.Fprintf(&s, "M 100644 inline d/f%d\ndata 3\n%03d\n", n, n)
	}
	testenv.FromStream(t, dir, format.String(), s.String())
	return received(t, dir, format)
}

// TestWorkers has any number of workers come to the same objects, in a pack that git likes: no chain is much
// longer than it was, and it takes little more room than git's own.
func TestWorkers(t *testing.T) {
	for _, format := range []object.Format{object.SHA1, object.SHA256} {
		from, roots := growing(t, format)
		var first packed
		var trees []object.ID
		for _, workers := range []int{1, 2, 8} {
			o := options(t, from, roots, 3000)
			o.Workers = workers
			r, err := Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			got := look(t, o.Into, r.Pack)
			var now []object.ID
			for _, root := range roots {
				id, _ := r.New(root)
				now = append(now, id)
			}
			if workers == 1 {
				first, trees = got, now
			}
			if !slices.Equal(got.ids, first.ids) || !slices.Equal(now, trees) {
				t.Errorf("%s, %d workers: %d objects, with one %d", format, workers, len(got.ids), len(first.ids))
			}
			if before := look(t, from, r.Replaced); got.chain > before.chain+deepest {
				t.Errorf("%s, %d workers: %d deltas on one another, before %d", format, workers, got.chain, before.chain)
			}
			base := filepath.Join(t.TempDir(), "pack")
			name := testenv.GitIn(t, o.Into.Dir(), strings.NewReader(strings.Join(got.ids, "\n")+"\n"), "pack-objects", "-q", "--no-reuse-delta", base)
			st, err := os.Stat(base + "-" + strings.TrimSpace(name) + ".pack")
			if err != nil {
				t.Fatal(err)
			}
			if got.bytes > 2*st.Size() {
				t.Errorf("%s, %d workers: %d bytes, git takes %d", format, workers, got.bytes, st.Size())
			}
		}
	}
}

// TestCounting has a run that makes nothing say the same as one that does.
func TestCounting(t *testing.T) {
	from, roots := growing(t, object.SHA1)
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		o := options(t, from, roots, 3000)
		o.Choice = choice
		match, err := attributes.ParsePatterns([]string{"/d/f1"})
		if err != nil {
			t.Fatal(err)
		}
		small, err := object.NewHasher(object.SHA1).Sum(object.Blob, []byte("001"))
		if err != nil {
			t.Fatal(err)
		}
		o.Match, o.Blobs = match, []object.ID{small} // chosen by a path, but not where a ref names it
		made, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if now := look(t, o.Into, made.Pack); !now.has(small) {
			t.Errorf("%s: the small file went", choice)
		}
		o.Into = nil
		counted, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if made.Files != counted.Files || made.Bytes != counted.Bytes || len(made.renamed) != len(counted.renamed) || len(made.gone) != len(counted.gone) || counted.Pack != "" {
			t.Errorf("%s: %d files of %d bytes, %d trees, %d gone; counted %d, %d, %d, %d", choice, made.Files, made.Bytes, len(made.renamed), len(made.gone), counted.Files, counted.Bytes, len(counted.renamed), len(counted.gone))
		}
	}
}

// nothing fails when a repository has packs or anything left of one that was begun.
func nothing(t *testing.T, r *repo.Repo) {
	t.Helper()
	for _, pattern := range []string{"objects/pack/*", "objects/incoming-*", "scratch-*", "objects/scratch-*"} {
		if left, err := filepath.Glob(filepath.Join(r.Dir(), pattern)); err != nil || len(left) > 0 {
			t.Errorf("%v is left, %v", left, err)
		}
	}
}

// TestCancelled ends a run at each of its steps.
func TestCancelled(t *testing.T) {
	from, roots := growing(t, object.SHA1)
	for _, after := range []int64{0, 1, 2, 4} {
		o := options(t, from, roots, 3000)
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		if after == 0 {
			cancel(enough)
		}
		o.Converting = func(done, total int64) {
			if after*done >= total {
				cancel(enough)
			}
		}
		if _, err := Run(ctx, o); !errors.Is(err, enough) {
			t.Errorf("after a share of %d: %v", after, err)
		}
		nothing(t, o.Into)
		cancel(nil)
	}
}

// full is a bucket that has no room.
type full struct{ bucket.Bucket }

var errFull = errors.New("no room")

func (full) Put(context.Context, string, string) error { return errFull }

// TestStoreFails has the store's error come out, once.
func TestStoreFails(t *testing.T) {
	from, roots := growing(t, object.SHA1)
	o := options(t, from, roots, 3000)
	folder, err := bucket.NewFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if o.Store, err = lfs.NewStore(full{folder}, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	_, err = Run(t.Context(), o)
	if !errors.Is(err, errFull) || strings.Count(err.Error(), errFull.Error()) != 1 {
		t.Errorf("%v", err)
	}
	nothing(t, o.Into)
}

// builder writes a content pack entry by entry.
type builder struct {
	t       *testing.T
	objects []built
}

type built struct {
	kind object.Type
	id   object.ID
	data []byte
	base int // number plus one; 0 for none
}

// add adds an object, once, as a delta of what base says.
func (b *builder) add(kind object.Type, data string, base object.ID) object.ID {
	id, err := object.NewHasher(object.SHA1).Sum(kind, []byte(data))
	if err != nil {
		b.t.Fatal(err)
	}
	at := func(o built) bool { return o.id == base }
	if !slices.ContainsFunc(b.objects, func(o built) bool { return o.id == id }) {
		b.objects = append(b.objects, built{kind, id, []byte(data), slices.IndexFunc(b.objects, at) + 1})
	}
	return id
}

// tree adds a tree of entries, each "MODE NAME", in order.
func (b *builder) tree(entries ...any) object.ID {
	var text strings.Builder
	for i := 0; i < len(entries); i += 2 {
		fmt.Fprintf(&text, "%s\x00%s", entries[i], entries[i+1].(object.ID).Bytes())
	}
	return b.add(object.Tree, text.String(), object.ID{})
}

func (b *builder) repo() *repo.Repo {
	r := empty(b.t, object.SHA1)
	_, err := r.WritePack(b.t.Context(), func(file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
		w, err := pack.NewWriter(file, pack.WriterOptions{Format: object.SHA1, Objects: int64(len(b.objects)), Scratch: scratch})
		if err != nil {
			return pack.Written{}, err
		}
		defer w.Close()
		z := zlib.NewWriter(io.Discard)
		var d pack.Differ
		for _, o := range b.objects {
			data := o.data
			if o.base != 0 {
				data = d.Append(nil, b.objects[o.base-1].data, o.data)
			}
			stream, err := squeeze(z, nil, data)
			if err == nil && o.base == 0 {
				_, err = w.Add(o.kind, o.id, int64(len(data)), stream)
			} else if err == nil {
				_, err = w.AddDelta(o.kind, o.id, uint32(o.base-1), int64(len(data)), stream)
			}
			if err != nil {
				return pack.Written{}, err
			}
		}
		return w.Finish(b.t.Context(), index)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// TestMadeIsThere makes .gitattributes that the source has already, as a delta of a file that goes, between
// others that are deltas of one another.
func TestMadeIsThere(t *testing.T) {
	b := &builder{t: t}
	large := b.add(object.Blob, strings.Repeat("large ", 1000), object.ID{})
	there := b.add(object.Blob, string(attributes.AppendLine(nil, []byte("b.bin"))), large)
	roots := []object.ID{b.tree("100644 .gitattributes", there)}
	for _, name := range []string{"a.bin", "b.bin", "c.bin", "d.bin"} {
		roots = append(roots, b.tree("100644 "+name, large))
	}
	r, err := Run(t.Context(), options(t, b.repo(), roots, 1000))
	if err != nil || len(r.renamed) != 4 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestTwin writes a line for Git alone when a pattern is for one of two files of the same bytes and name.
func TestTwin(t *testing.T) {
	b := &builder{t: t}
	file := b.add(object.Blob, "small", object.ID{})
	root := b.tree("100644 a.bin", file, "40000 d", b.tree("100644 a.bin", file))
	o := options(t, b.repo(), []object.ID{root}, 1000)
	var err error
	if o.Match, err = attributes.ParsePatterns([]string{"/a.bin"}); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	now, _ := r.New(root)
	if got, want := testenv.Git(t, o.Into.Dir(), "show", now.String()+":.gitattributes")+"\n", string(attributes.AppendGitLine(nil, []byte("a.bin"))); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestBomb has a few trees that have more paths than there is memory for: it is refused, at once.
func TestBomb(t *testing.T) {
	b := &builder{t: t}
	tree := b.tree("100644 a.bin", b.add(object.Blob, strings.Repeat("large ", 1000), object.ID{}))
	for range 12 {
		var entries []any
		for n := range 20 {
			entries = append(entries, fmt.Sprintf("40000 d%02d", n), tree)
		}
		tree = b.tree(entries...)
	}
	from := b.repo()
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		o := options(t, from, []object.ID{tree}, 1000)
		o.Choice = choice
		_, err := Run(t.Context(), o)
		if rehome.AsError(err).Code != rehome.LimitPassed {
			t.Errorf("%s: %v", choice, err)
		}
		nothing(t, o.Into)
	}
}

// TestSets tells sets apart and shows what several hold once.
func TestSets(t *testing.T) {
	p := &pass{Options: Options{Scratch: func(n int64) ([]byte, func(), error) { return make([]byte, n), func() {}, nil }}}
	p.newPathSets()
	a, d, f := p.links.nameOf([]byte("a")), p.links.nameOf([]byte("d")), p.links.nameOf([]byte("f"))
	set := func(items ...item) uint32 {
		n, err := p.setOf(items)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	one, other := set(item{name: a}), set(item{name: a}, item{name: f})
	first, second := set(item{d, one}), set(item{d, other}, item{name: f})
	if set(item{name: a}) != one || set() != 0 || first == second || p.sets.at(second).count != 3 {
		t.Errorf("sets %d %d %d %d", one, other, first, second)
	}
	all, err := p.allPaths([]uint32{first, second})
	if got := fmt.Sprintf("%s", all); err != nil || got != "[d/a d/f f]" {
		t.Errorf("%s, %v", got, err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range uint32(1000) {
				set(item{name: a, below: (i + uint32(n)) % 4})
			}
		})
	}
	wg.Wait()
	if len(p.sets.list) != 5+3 {
		t.Errorf("%d sets", len(p.sets.list))
	}
}

// BenchmarkRun makes Git LFS files in a history of 2,000 commits.
func BenchmarkRun(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "from.git")
	testenv.Synthetic(b, dir, "sha1", testenv.Size{Commits: 2000})
	from, roots := received(b, dir, object.SHA1)
	for _, choice := range []rehome.LFSChoice{rehome.LFSOptIn, rehome.LFSOptOut} {
		b.Run(string(choice), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := options(b, from, roots, 3000)
				o.Choice = choice
				if r, err := Run(b.Context(), o); err != nil || r.Pack == "" {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestNames has more names come than are held: that is told, and those before stay.
func TestNames(t *testing.T) {
	var l links
	l.nameOf([]byte("0"))
	l.texts = append(l.texts, make([][]byte, maxNames-2)...)
	if n := l.nameOf([]byte("last")); n != maxNames || l.hasNames() != nil {
		t.Errorf("the last is number %d, %v", n, l.hasNames())
	}
	first, more := l.nameOf([]byte("0")), l.nameOf([]byte("more"))
	if string(l.text(first)) != "0" || more != 0 || rehome.AsError(l.hasNames()).Code != rehome.LimitPassed {
		t.Errorf("%d, %d, %v", first, more, l.hasNames())
	}
}
