package pack

import (
	"context"
	"slices"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/object"
)

// Resemble finds an object that the receiver has and that is like the one of id, such as the file of that path a
// commit before. It returns its id and the bytes of both; ok is false where there is none, or it is not worth it.
type Resemble func(id object.ID) (like object.ID, before, now []byte, ok bool)

// against makes deltas of whole objects that go out with a section, of what the receiver has. One that comes out no
// shorter stays whole.
func (o *Outgoing) against(ctx context.Context, s *section, resemble Resemble) error {
	p := s.part
	turn := compute.Take()
	defer turn.Give()
	encoder, differ := deflate.NewEncoder(nil), Differ{}
	var delta, entry []byte
	for pos := range p.forest.table.n {
		if turn.Pass(); ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if p.how[pos] != asIs {
			continue
		}
		like, before, now, ok := resemble(s.pack.Index.ID(int(p.forest.rank[pos])))
		if !ok || o.goesOut(like) { // there may be a circle by then
			continue
		}
		delta = differ.Append(delta[:0], before, now)
		entry = appendHeader(entry[:0], header{typ: refDelta, size: int64(len(delta)), base: like})
		entry = encoder.Append(entry, delta)
		if t := p.forest.table; uint64(len(entry)) >= uint64(t.offset[pos+1])-uint64(t.offset[pos]) {
			continue
		}
		ref, err := o.store.add(entry)
		if err != nil {
			return err
		}
		p.how[pos], p.refer[pos] = remade, ref
	}
	return nil
}

// goesOut reports whether the pack has the object.
func (o *Outgoing) goesOut(id object.ID) bool {
	return slices.ContainsFunc(o.sections, func(s *section) bool { _, ok := s.find(id); return ok })
}
