package rewrite

import (
	"encoding/binary"
	"slices"

	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/lfs"
	"rehome/internal/rewrite/content"
	"rehome/internal/submodule"
)

// Result is what came of a rewrite.
type Result struct {
	Refs []Ref // in the order of Options.Refs
	Counts
	Packs
	Large      LargeResult
	Submodules submodule.Changes

	plan    Plan
	graph   *history.Graph
	ids     *idTable
	key     string          // see contentKey
	content *content.Result // may be nil
	covered *covered        // nil when the next rewrite has to go through everything
	known   *known          // nil when this one did
	sets
}

// Counts are of what the refs reach.
type Counts struct {
	Commits           int64 `json:"commits"`
	CommitsChanged    int64 `json:"commits_changed"`
	TagsChanged       int64 `json:"tags_changed"`
	SignaturesDropped int64 `json:"signatures_dropped"`
}

// Packs are base names of packs.
type Packs struct {
	Pack     string   // the new history pack in Into, which with those of Kept holds every commit and tag; "" when nothing changed
	Kept     []string // history packs of the rewrite before, which are linked into Into: only what is new was rewritten
	Content  string   // the new content pack in Into; "" when content stays as it is
	Replaced []string // From's packs that the new ones stand instead of, so that Into must not have them
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
func (r *Result) Changed() bool { return len(r.History()) > 0 || r.Content != "" }

// History returns the base names of Into's history packs, those that were there before first.
func (r *Result) History() []string {
	if r.Pack == "" {
		return r.Kept
	}
	return append(slices.Clone(r.Kept), r.Pack)
}

// New returns what became of a commit or tag; false when it is none of this history, when nothing was
// written, and, where only what is new was rewritten, for what is older and stayed.
func (r *Result) New(old object.ID) (object.ID, bool) {
	n, ok := r.graph.Find(old)
	if !ok || !r.looked.Has(n) {
		return r.known.changed(old)
	}
	if !r.changed.Has(n) {
		return old, true
	}
	id := r.ids.at(n)
	return id, !id.IsZero()
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
