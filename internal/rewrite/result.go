package rewrite

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/lfs"
	"rehome/internal/rewrite/content"
)

// Result is what came of a rewrite.
type Result struct {
	Refs              []Ref // in the order of Options.Refs
	Commits           int64 // that the refs reach
	CommitsChanged    int64
	TagsChanged       int64
	SignaturesDropped int64
	Pack              string   // base name of the new history pack in Into, which holds every commit and tag; "" when nothing changed
	Content           string   // base name of the new content pack in Into; "" when content stays as it is
	Replaced          []string // base names of From's packs that the new ones stand instead of, so that Into must not have them
	Large             LargeResult

	plan    Plan
	graph   *history.Graph
	ids     *idTable
	key     string          // see contentKey
	content *content.Result // may be nil
	sets
}

// sets are the commits and tags that something holds for.
type sets struct {
	looked  history.Set
	changed history.Set
	noted   history.Set // reached by refs of notes alone
}

// LargeResult is what became of large files.
type LargeResult struct {
	Objects []lfs.Object // Git LFS objects the new history names that the old one did not, by OID; all are in Options.Store
	Files   int64        // distinct blobs that were converted or removed
	Bytes   int64        // of them
	Removed [][]byte     // each path of a removed file, sorted
}

// Changed reports whether anything did, so that From does not stand as it is.
func (r *Result) Changed() bool { return r.Pack != "" || r.Content != "" }

// New returns what became of a commit or tag; false when it is none of this history, or
// when nothing was written.
func (r *Result) New(old object.ID) (object.ID, bool) {
	n, ok := r.graph.Find(old)
	if !ok || !r.looked.Has(n) {
		return object.ID{}, false
	}
	if !r.changed.Has(n) {
		return old, true
	}
	id := r.ids.at(n)
	return id, !id.IsZero()
}

// WriteMap writes the commit map: a header line, then `OLD NEW` for every commit, by OLD.
func (r *Result) WriteMap(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString(MapHeader(r.graph.Format()))
	var line []byte
	for n := range uint32(r.graph.Len()) {
		if !r.looked.Has(n) || r.graph.Type(n) != object.Commit {
			continue
		}
		old := r.graph.ID(n)
		id, ok := r.New(old)
		if !ok {
			return fmt.Errorf("write commit map: %s is not known yet", old)
		}
		line = AppendMapLine(line[:0], old, id)
		out.Write(line)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write commit map: %w", err)
	}
	return nil
}

// MapHeader returns the first line of a commit map, as git-filter-repo writes it.
func MapHeader(f object.Format) string { return fmt.Sprintf("%-*s new\n", 2*f.Size(), "old") }

// AppendMapLine appends the line of a commit map for one commit.
func AppendMapLine(b []byte, old, now object.ID) []byte {
	return append(appendHex(append(appendHex(b, old), ' '), now), '\n')
}

// idTable is new ids by number, and which of them there are.
type idTable struct {
	format object.Format
	sums   []byte
	slots  []uint32 // numbers + 1, where their ids say; 0 is free
	used   int
}

func newIDTable(g *history.Graph) idTable {
	return idTable{format: g.Format(), sums: make([]byte, g.Len()*g.Format().Size()), slots: make([]uint32, 1024)}
}

func (t *idTable) bytes(n uint32) []byte {
	size := t.format.Size()
	return t.sums[int(n)*size : int(n)*size+size]
}

// at returns the new id of n, the zero id before set.
func (t *idTable) at(n uint32) object.ID { return object.FromBytes(t.format, t.bytes(n)) }

// set notes the new id of n. again says that another number has it already.
func (t *idTable) set(n uint32, id object.ID) (again bool) {
	id.AppendTo(t.bytes(n)[:0])
	slot := t.find(t.bytes(n))
	if t.slots[slot] != 0 {
		return true
	}
	t.slots[slot] = n + 1
	if t.used++; 2*t.used > len(t.slots) {
		t.grow()
	}
	return false
}

// has reports whether some number has that id.
func (t *idTable) has(id object.ID) bool {
	var b [32]byte
	return t.slots[t.find(id.AppendTo(b[:0]))] != 0
}

// find returns the slot of an id, or the free one where it would go. Ids are hashes already.
func (t *idTable) find(sum []byte) int {
	mask := len(t.slots) - 1
	slot := int(binary.LittleEndian.Uint32(sum)) & mask
	for t.slots[slot] != 0 && string(t.bytes(t.slots[slot]-1)) != string(sum) {
		slot = (slot + 1) & mask
	}
	return slot
}

func (t *idTable) grow() {
	old := t.slots
	t.slots = make([]uint32, 2*len(old))
	for _, n := range old {
		if n != 0 {
			t.slots[t.find(t.bytes(n-1))] = n
		}
	}
}
