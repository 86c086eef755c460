package pack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/object"
	"rehome/internal/testenv"
)

// folder is Storage in files of a temporary folder.
type folder struct {
	dir   string
	files map[string]*os.File
	taken atomic.Int64 // pieces of memory that were not given back
	most  atomic.Int64 // bytes of the largest
}

func newFolder(t testing.TB) *folder {
	f := &folder{dir: t.TempDir(), files: map[string]*os.File{}}
	for _, name := range []string{"history.pack", "history.idx", "content.pack", "content.idx", "pending"} {
		file, err := os.Create(filepath.Join(f.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		f.files[name] = file
	}
	return f
}

func (f *folder) storage() Storage {
	return Storage{
		History: f.files["history.pack"], HistoryIndex: f.files["history.idx"],
		Content: f.files["content.pack"], ContentIndex: f.files["content.idx"],
		Pending: f.files["pending"],
		Map: func(file File, size int64) ([]byte, func(), error) {
			b := make([]byte, size)
			_, err := file.ReadAt(b, 0)
			f.taken.Add(1)
			return b, func() { f.taken.Add(-1) }, err
		},
		Scratch: func(size int64) ([]byte, func(), error) {
			f.taken.Add(1)
			f.most.Store(max(f.most.Load(), size))
			return make([]byte, size), func() { f.taken.Add(-1) }, nil
		},
	}
}

// memory is a File in memory, for tests that make thousands.
type memory struct{ b []byte }

func (m *memory) Write(p []byte) (int, error) { m.b = append(m.b, p...); return len(p), nil }

func (m *memory) WriteAt(p []byte, at int64) (int, error) { return copy(m.b[at:], p), nil }

func (m *memory) ReadAt(p []byte, at int64) (int, error) {
	n := copy(p, m.b[min(at, int64(len(m.b))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// inMemory is Storage in memory.
func inMemory() Storage {
	return Storage{
		History: &memory{}, HistoryIndex: &memory{}, Content: &memory{}, ContentIndex: &memory{}, Pending: &memory{},
		Map:     func(f File, size int64) ([]byte, func(), error) { return f.(*memory).b[:size], func() {}, nil },
		Scratch: heapScratch,
	}
}

func heapScratch(size int64) ([]byte, func(), error) { return make([]byte, size), func() {}, nil }

// seen gathers what a visitor is shown, and what of the promised order was broken.
type seen struct {
	format object.Format
	mu     sync.Mutex
	lines  []string // as git cat-file --batch-check prints them
	broken []string
	// unmarked counts trees whose base's marks were let go.
	unmarked int
}

func (s *seen) visit(o *Object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%s %s %d", o.ID, o.Type, o.Size))
	if o.Data != nil {
		if id, err := object.NewHasher(s.format).Sum(o.Type, o.Data); err != nil || id != o.ID {
			s.broken = append(s.broken, fmt.Sprintf("%s: data hashes to %s, %v", o.ID, id, err))
		}
	}
	history := o.Type == object.Commit || o.Type == object.Tag
	if history && (o.Worker != 0 || o.Base != nil) {
		s.broken = append(s.broken, fmt.Sprintf("%s: history from worker %d with base %v", o.ID, o.Worker, o.Base))
	}
	if o.Base != nil && o.Type == object.Tree && len(o.Base.Marks) == 0 {
		s.unmarked++
	} else if o.Base != nil && o.Type == object.Tree && !slices.Equal(o.Base.Marks, []uint32{uint32(o.Base.Size)}) {
		s.broken = append(s.broken, fmt.Sprintf("%s: base's marks are %v", o.ID, o.Base.Marks))
	}
	if o.Base != nil {
		made := make([]byte, o.Size)
		if err := applyDelta(made, o.Base.Data, o.Delta); err != nil || !bytes.Equal(made, o.Data) {
			s.broken = append(s.broken, fmt.Sprintf("%s: delta does not make it from base: %v", o.ID, err))
		}
	}
	o.Marks = append(o.Marks, uint32(o.Size))
	return nil
}

// receive runs Receive over b and returns what was seen, sorted.
func receive(t testing.TB, b []byte, o Options) (*folder, *seen, Summary, error) {
	t.Helper()
	f := newFolder(t)
	s := &seen{format: o.Format}
	o.Storage = f.storage()
	if o.Visit == nil {
		o.Visit = s.visit
	}
	if o.Workers == 0 {
		o.Workers = 3
	}
	sum, err := Receive(context.Background(), bytes.NewReader(b), o)
	if n := f.taken.Load(); n != 0 {
		t.Errorf("%d pieces of memory were not given back", n)
	}
	slices.Sort(s.lines)
	return f, s, sum, err
}

// packOf returns all objects of a repository as one pack, made by git with the given
// options of pack-objects.
func packOf(t testing.TB, dir string, options ...string) []byte {
	t.Helper()
	args := append([]string{"pack-objects", "--all", "--stdout", "-q", "--window=50"}, options...)
	return testenv.GitBytes(t, dir, strings.NewReader(""), args...)
}

// accepts returns what Receive says of b, which is kept in memory.
func accepts(b []byte) error {
	_, err := Receive(context.Background(), bytes.NewReader(b), Options{Limits: Limits{Objects: 1000}, Storage: inMemory()})
	return err
}

// batchCheck returns the lines git prints for all objects, sorted.
func batchCheck(t testing.TB, dir string) []string {
	t.Helper()
	out := testenv.Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	slices.Sort(lines)
	return lines
}

// builder makes packs by hand.
type builder struct {
	format  object.Format
	body    bytes.Buffer
	entries uint32
	z       *zlib.Writer
}

// add appends an entry and returns where it begins.
func (b *builder) add(h header, content []byte) int64 {
	at := int64(packHeader + b.body.Len())
	if h.distance > 0 {
		h.distance = at - h.distance // callers say where the base is
	}
	if h.size == 0 {
		h.size = int64(len(content))
	}
	b.body.Write(appendHeader(nil, h))
	if b.z == nil {
		b.z = zlib.NewWriter(nil)
	}
	b.z.Reset(&b.body)
	b.z.Write(content)
	b.z.Close()
	b.entries++
	return at
}

func (b *builder) bytes() []byte {
	out := append(appendPackHeader(nil, b.entries), b.body.Bytes()...)
	sum := newTrailer(b.format)
	sum.Write(out)
	return sum.Sum(out)
}

// insertDelta is a delta that makes result of a base of baseSize bytes by insertions
// alone, but for keep bytes copied from the base's start.
func insertDelta(baseSize int, keep byte, result []byte) []byte {
	d := appendUvarint(appendUvarint(nil, baseSize), len(result))
	if keep > 0 {
		d = append(d, 0x80|0x10, keep)
	}
	for rest := result[keep:]; len(rest) > 0; {
		n := min(len(rest), 127)
		d = append(append(d, byte(n)), rest[:n]...)
		rest = rest[n:]
	}
	return d
}

func appendUvarint(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}
