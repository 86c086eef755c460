package rewrite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"sort"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// covered says what a rewrite went through, so that one of the same history with more behind it
// need not do so again.
//
//	ids of what was reached, but that nothing reached leads to: whoever reaches these reaches all
//	ids of commits and tags in the packs that were not reached
//	pairs of all commits that notes alone reached; those that stayed have the old id for the new one
//	ids that are in notes, but were not reached, sorted
//	identities: lengths of name and mail, as varints, and both of them
type covered struct {
	history, content []string // base names of From's packs
	counts           Counts
	odd              bool // an object has identity lines where Git does not look for them

	notes []savedRef

	ends, unseen, identities, unmet []byte
	noted                           pairs
}

// savedRef is a ref of notes.
type savedRef struct {
	Name []byte `json:"name"`
	ID   string `json:"id"`
}

func (r savedRef) equal(o savedRef) bool { return r.ID == o.ID && bytes.Equal(r.Name, o.Name) }

// notesOf returns the refs of notes.
func notesOf(refs []repo.Ref) (notes []savedRef) {
	for _, r := range refs {
		if isNotes(r) {
			notes = append(notes, savedRef{[]byte(r.Name), r.ID.String()})
		}
	}
	return notes
}

// savedCovered is covered in the head of a saved rewrite.
type savedCovered struct {
	History []string   `json:"history"`
	Content []string   `json:"content"`
	Counts  Counts     `json:"counts"`
	Odd     bool       `json:"odd,omitempty"`
	Notes   []savedRef `json:"notes,omitempty"`

	// Bytes of what follows.
	Ends       int `json:"ends"`
	Unseen     int `json:"unseen"`
	Noted      int `json:"noted"`
	Unmet      int `json:"unmet"`
	Identities int `json:"identities"`
}

func (c *covered) saved() *savedCovered {
	if c == nil {
		return nil
	}
	return &savedCovered{
		History: c.history, Content: c.content, Counts: c.counts, Odd: c.odd, Notes: c.notes,
		Ends: len(c.ends), Unseen: len(c.unseen), Noted: len(c.noted), Unmet: len(c.unmet), Identities: len(c.identities),
	}
}

func (c *covered) write(out *bufio.Writer) {
	if c == nil {
		return
	}
	for _, part := range [][]byte{c.ends, c.unseen, c.noted, c.unmet, c.identities} {
		out.Write(part)
	}
}

// open is saved undone: take returns so many pieces of so many bytes of what was written.
func (s *savedCovered) open(f object.Format, take func(count, size int) []byte) *covered {
	c := &covered{history: s.History, content: s.Content, counts: s.Counts, odd: s.Odd, notes: s.Notes}
	list := func(bytes, size int) []byte { return take(bytes/size, size) }
	c.ends, c.unseen = list(s.Ends, f.Size()), list(s.Unseen, f.Size())
	c.noted, c.unmet = list(s.Noted, 2*f.Size()), list(s.Unmet, f.Size())
	c.identities = list(s.Identities, 1)
	return c
}

// ids yields ids that stand one after the other.
func ids(f object.Format, all []byte) func(yield func(object.ID) bool) {
	return func(yield func(object.ID) bool) {
		for at := 0; at+f.Size() <= len(all); at += f.Size() {
			if !yield(object.FromBytes(f, all[at:])) {
				return
			}
		}
	}
}

// isAmong reports whether an id is among those that stand sorted one after the other.
func isAmong(all, id []byte) bool {
	size := len(id)
	at := size * sort.Search(len(all)/size, func(i int) bool { return bytes.Compare(all[size*i:size*i+size], id) >= 0 })
	return at < len(all) && bytes.Equal(all[at:at+size], id)
}

// eachIdentity yields everybody, as far as they can be read.
func (c *covered) eachIdentity(yield func(rehome.Identity) bool) {
	rest := c.identities
	next := func() (text string, ok bool) {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return "", false
		}
		text, rest = string(rest[n:n+int(size)]), rest[n+int(size):]
		return text, true
	}
	for len(rest) > 0 {
		name, ok := next()
		mail, alsoOK := next()
		if !ok || !alsoOK || !yield(rehome.Identity{Name: name, Mail: mail}) {
			return
		}
	}
}

func appendIdentity(b []byte, who rehome.Identity) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(who.Name))), who.Name...)
	return append(binary.AppendUvarint(b, uint64(len(who.Mail))), who.Mail...)
}

// cover notes what was gone through. There is nothing to note where that does not tell all that an
// object depends on: messages, content, objects that are not there yet.
func (p *pass) cover() {
	turn := compute.Take()
	defer turn.Give()
	odd, ok := p.odd()
	if p.o.Into == nil || !ok || !p.o.canCover() {
		return
	}
	c := &covered{counts: p.result.Counts, odd: odd, content: p.contentPacks, notes: notesOf(p.o.Refs)}
	if k := p.known; k != nil {
		c.history, c.odd = append(slices.Clone(k.history), k.newHistory...), odd || k.odd
		c.noted, c.unmet = k.noted, k.unmet
	} else {
		if !p.complete() || len(p.unmet) > mostUnmet || p.unmet == nil && p.result.noted.Len() > 0 {
			return
		}
		c.history, c.noted, c.unmet = p.readPacks(), p.notedPairs(), p.sortedUnmet()
	}
	c.ends, c.unseen, c.identities = p.ends(), p.unseen(), p.identities()
	p.result.covered = c
}

// mostUnmet bounds what is remembered of notes.
const mostUnmet = 1 << 20

func (p *pass) notedPairs() (all pairs) {
	for n := range uint32(p.graph.Len()) {
		if p.result.noted.Has(n) {
			id := p.graph.ID(n)
			now := p.renamed(id)
			all = now.AppendTo(id.AppendTo(all))
		}
	}
	return all
}

func (p *pass) sortedUnmet() (all []byte) {
	for _, id := range slices.SortedFunc(maps.Keys(p.unmet), object.ID.Compare) {
		all = id.AppendTo(all)
	}
	return all
}

// canCover reports whether a plan for refs changes an object for what it and those before it say alone.
func (o *Options) canCover() bool {
	return o.Plan.Trailers == nil && !o.Plan.Hashes && !o.Plan.changesContent()
}

// odd reports whether an object has identity lines where Git does not look for them. ok is false where
// one may name others where nobody looks for them.
func (p *pass) odd() (odd, ok bool) {
	for n := range uint32(p.graph.Len()) {
		if !p.graph.Odd(n) {
			continue
		}
		odd = true
		var faults object.Faults
		if p.graph.Type(n) == object.Tag {
			_, faults = object.ParseTag(p.graph.Format(), p.graph.Bytes(n))
		} else {
			_, faults = object.ParseCommit(p.graph.Format(), p.graph.Bytes(n))
		}
		if faults.Dangerous() != object.NoFault {
			return true, false
		}
	}
	return odd, true
}

// complete reports whether all that history, tags and refs name is there: what comes later could be history.
func (p *pass) complete() bool {
	if !p.graph.Complete() {
		return false
	}
	for n := range uint32(p.graph.Len()) {
		if p.graph.Type(n) != object.Tag || !p.looked.Has(n) || p.graph.Parents(n).At(0) != history.None {
			continue
		}
		tag, _ := object.ParseTag(p.graph.Format(), p.graph.Bytes(n))
		if !p.objects.Has(tag.Object) {
			return false
		}
	}
	return !slices.ContainsFunc(p.o.Refs, func(r repo.Ref) bool { return !p.objects.Has(r.ID) })
}

// readPacks returns the history packs that the graph was read from.
func (p *pass) readPacks() (names []string) {
	for _, name := range p.historyPacks {
		if p.hasAll(p.objects.Pack(name)) {
			names = append(names, name)
		}
	}
	return names
}

func (p *pass) hasAll(one *pack.Pack) bool {
	for i := range one.Index.Len() {
		if _, ok := p.graph.Find(one.Index.ID(i)); !ok {
			return false
		}
	}
	return true
}

// ends returns what was reached, but that nothing reached leads to. Notes are apart.
func (p *pass) ends() (all []byte) {
	f := p.graph.Format()
	if p.known != nil {
		for id := range ids(f, p.known.ends) {
			if !p.known.parents[id] {
				all = id.AppendTo(all)
			}
		}
	}
	inner := p.graph.NewSet()
	for n := range uint32(p.graph.Len()) {
		if !p.looked.Has(n) || p.result.noted.Has(n) {
			continue
		}
		parents := p.graph.Parents(n)
		for i := range parents.Len() {
			if at := parents.At(i); at != history.None {
				inner.Add(at)
			}
		}
	}
	for n := range uint32(p.graph.Len()) {
		if p.looked.Has(n) && !inner.Has(n) && !p.result.noted.Has(n) {
			all = append(all, p.graph.IDBytes(n)...)
		}
	}
	return all
}

// unseen returns the commits and tags in the packs that were not reached, sorted.
func (p *pass) unseen() (all []byte) {
	var before []byte
	if p.known != nil {
		before = p.known.unseen
	}
	size := p.graph.Format().Size()
	for n := range uint32(p.graph.Len()) {
		id := p.graph.IDBytes(n)
		for len(before) > 0 && bytes.Compare(before[:size], id) < 0 {
			all, before = append(all, before[:size]...), before[size:]
		}
		if len(before) > 0 && bytes.Equal(before[:size], id) {
			before = before[size:]
		}
		if !p.looked.Has(n) && !p.isOld(n) {
			all = append(all, id...)
		}
	}
	return append(all, before...)
}

func (p *pass) identities() (all []byte) {
	have := map[rehome.Identity]bool{}
	if p.known != nil {
		all = slices.Clone(p.known.identities)
		for who := range p.known.eachIdentity {
			have[who] = true
		}
	}
	for _, who := range p.graph.Identities() {
		if !have[who] {
			all = appendIdentity(all, who)
		}
	}
	return all
}

// agrees reports whether another map makes the same of everybody who was met.
func (b *Before) agrees(authors map[rehome.Identity]rehome.Identity) bool {
	other := map[rehome.Identity]bool{}
	for who, is := range authors {
		if was, ok := b.authors[who]; !ok || was != is {
			other[who] = true
		}
	}
	for who := range b.authors {
		if _, ok := authors[who]; !ok {
			other[who] = true
		}
	}
	if len(other) == 0 || b.covered.odd {
		return len(other) == 0
	}
	for who := range b.covered.eachIdentity {
		if other[who] {
			return false
		}
	}
	return true
}
