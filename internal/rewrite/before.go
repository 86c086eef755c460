package rewrite

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"rehome"
	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// Before is an earlier rewrite of the same history, or of a part of it: what comes out the
// same again is copied from there. It changes no id.
//
//	one line of JSON: savedHead
//	old id, new id: of each commit and tag that changed, sorted by the old ones
//	the same of each tree of a commit, and of what else content changed
//	SHA-256 of all that, for a wrong pair would make another history
type Before struct {
	repo    *repo.Repo
	pack    string // of history; "" when that is not to be taken up
	authors map[rehome.Identity]rehome.Identity
	pairs   []byte
	content *savedContent // nil when content stayed
	trees   []byte        // pairs
}

// savedHead says what a saved rewrite was made with.
type savedHead struct {
	Engine  int         `json:"engine"`
	Format  string      `json:"object_format"`
	Pack    string      `json:"pack"`    // base name
	Authors [][4][]byte `json:"authors"` // name, mail, new name, new mail

	Content *savedContent `json:"content,omitempty"`
}

// Save writes what a later rewrite needs to know as Options.Before; of history nothing when messages
// were rewritten, too, for then an object does not tell what it depended on.
func (r *Result) Save(w io.Writer) error {
	head := savedHead{Engine: rehome.Engine, Format: r.graph.Format().String(), Content: r.savedContent()}
	history := r.plan.Trailers == nil && !r.plan.Hashes && r.Pack != ""
	if !history && head.Content == nil {
		return nil
	}
	if history {
		head.Pack = r.Pack
		for who, becomes := range r.plan.Authors {
			head.Authors = append(head.Authors, [4][]byte{[]byte(who.Name), []byte(who.Mail), []byte(becomes.Name), []byte(becomes.Mail)})
		}
	}
	slices.SortFunc(head.Authors, func(a, b [4][]byte) int { return slices.CompareFunc(a[:], b[:], bytes.Compare) })
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	if err := json.NewEncoder(out).Encode(head); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	if history {
		r.saveHistory(out)
	}
	if head.Content != nil {
		r.saveTrees(out)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("save rewrite: %w", err)
	}
	return nil
}

// saveHistory writes the pairs of commits and tags. One that went has no new id.
func (r *Result) saveHistory(out *bufio.Writer) {
	var b []byte
	for n := range uint32(r.graph.Len()) {
		if r.changed.Has(n) && !r.noted.Has(n) && !r.ids.at(n).IsZero() {
			old := r.graph.ID(n)
			b = append(old.AppendTo(b[:0]), r.ids.bytes(n)...)
			out.Write(b)
		}
	}
}

// OpenBefore reads what Save wrote of a rewrite into r. It is nil, without an error, when
// that is of no use: nothing was saved, or by another engine. Damage is an error.
func OpenBefore(r *repo.Repo, saved []byte) (*Before, error) {
	if len(saved) == 0 {
		return nil, nil
	}
	end := max(0, len(saved)-sha256.Size)
	if sum := sha256.Sum256(saved[:end]); !bytes.Equal(sum[:], saved[end:]) {
		return nil, errors.New("read saved rewrite: its checksum is another")
	}
	line, pairs, _ := bytes.Cut(saved[:end], []byte{'\n'})
	var head savedHead
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, fmt.Errorf("read saved rewrite: %w", err)
	}
	format, err := object.ParseFormat(head.Format)
	if err != nil {
		return nil, fmt.Errorf("read saved rewrite: %w", err)
	}
	if head.Engine != rehome.Engine || format != r.Format() || len(pairs)%(2*format.Size()) != 0 {
		return nil, nil
	}
	b := &Before{repo: r, pack: head.Pack, authors: map[rehome.Identity]rehome.Identity{}, pairs: pairs, content: head.Content}
	if head.Content != nil {
		size := 2 * format.Size() * head.Content.Trees
		if size < 0 || size > len(pairs) {
			return nil, errors.New("read saved rewrite: it is cut short")
		}
		b.pairs, b.trees = pairs[:len(pairs)-size], pairs[len(pairs)-size:]
	}
	for _, a := range head.Authors {
		b.authors[rehome.Identity{Name: string(a[0]), Mail: string(a[1])}] = rehome.Identity{Name: string(a[2]), Mail: string(a[3])}
	}
	return b, nil
}

// find returns what the object became, nil when it stayed.
func (b *Before) find(old []byte) []byte {
	size := len(old)
	n := len(b.pairs) / (2 * size)
	at := func(i int) []byte { return b.pairs[2*size*i : 2*size*i+2*size] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i)[:size], old) >= 0 })
	if i == n || !bytes.Equal(at(i)[:size], old) {
		return nil
	}
	return at(i)[size:]
}

// again is the use a pass makes of an earlier rewrite.
type again struct {
	*Before
	objects *repo.Objects
	pack    *pack.Pack
	other   []bool      // by number of identity: it becomes another than before
	differs history.Set // objects that came out otherwise than before, or are new
	reused  []reused
}

// reused is an object whose new entry is in the earlier pack, at that place by id.
type reused struct {
	n     uint32
	entry int
}

// useBefore begins to use the earlier rewrite, if there is one that can be used.
func (p *pass) useBefore() error {
	b := p.o.Before
	if b == nil || b.pack == "" || p.o.Plan.Trailers != nil || p.o.Plan.Hashes || b.repo.Format() != p.graph.Format() || b.key() != p.result.key {
		return nil
	}
	objects, err := b.repo.Objects()
	if err != nil {
		return err
	}
	a := &again{Before: b, objects: objects, pack: objects.Pack(b.pack), other: make([]bool, len(p.graph.Identities())), differs: p.graph.NewSet()}
	if a.pack == nil {
		objects.Close()
		return nil
	}
	for i, who := range p.graph.Identities() {
		was, wasMapped := b.authors[who]
		is, isMapped := p.o.Plan.Authors[who]
		a.other[i] = wasMapped != isMapped || was != is
	}
	p.before = a
	return nil
}

// reuse takes over what became of an object before, if nothing it depends on differs. It
// reports whether that says it all.
func (p *pass) reuse(n uint32) bool {
	a := p.before
	if a == nil {
		return false
	}
	id := a.find(p.graph.IDBytes(n))
	switch {
	case a.dependsOnOther(p.graph, n), id == nil && p.mayChange(n):
		a.differs.Add(n)
		return false
	case id == nil:
		return true
	}
	now := object.FromBytes(p.graph.Format(), id)
	entry, ok := a.pack.Index.Find(now)
	if !ok {
		a.differs.Add(n)
		return false
	}
	p.count(n, p.graph.Signed(n))
	if !p.ids.set(n, now) {
		a.reused = append(a.reused, reused{n, entry})
	}
	return true
}

func (a *again) dependsOnOther(g *history.Graph, n uint32) bool {
	isOther := func(identity uint32) bool { return identity != history.None && a.other[identity] }
	if g.Odd(n) || isOther(g.Author(n)) || isOther(g.Committer(n)) {
		return true
	}
	parents := g.Parents(n)
	for i := range parents.Len() {
		if at := parents.At(i); at != history.None && a.differs.Has(at) {
			return true
		}
	}
	return false
}

// copyReused copies the entries that were made before.
func (p *pass) copyReused(ctx context.Context, w *pack.Writer, scratch pack.Scratch) error {
	if p.before == nil || len(p.before.reused) == 0 {
		return nil
	}
	entries, err := p.before.pack.Forest(ctx, scratch)
	if err != nil {
		return err
	}
	defer entries.Close()
	turn := compute.Take()
	defer turn.Give()
	e := deflate.NewEncoder(p.sink.table)
	var stream []byte
	for i, r := range p.before.reused {
		turn.Pass()
		if i&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		id, kind := p.ids.at(r.n), p.graph.Type(r.n)
		entry, err := entries.Entry(r.entry)
		if err == nil && entry.Base >= 0 {
			var data []byte
			_, data, err = p.before.objects.Read(id)
			stream = e.Append(stream[:0], data)
			entry.Stored, entry.Stream = int64(len(data)), stream
		}
		if err == nil {
			_, err = w.Add(kind, id, entry.Stored, entry.Stream)
		}
		if err != nil {
			return fmt.Errorf("copy from the rewrite before: %w", err)
		}
	}
	return nil
}
