package carry

import (
	"context"
	"errors"
	"slices"

	"rehome"
	"rehome/internal/git/deflate"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/mailmap"
	"rehome/internal/rewrite"
)

// remake makes local commits anew, on the new history.
type remake struct {
	*local
	authors *mailmap.Map
	plan    rewrite.Plan
	editor  *rewrite.Editor
	hasher  *object.Hasher
	ids     map[object.ID]object.ID // old ones to new ones, of local commits that changed
	made    []madeCommit
}

// madeCommit is a commit made anew.
type madeCommit struct {
	old, id  object.ID
	data     []byte
	unsigned bool // the old one had a signature
}

func newRemake(l *local, f object.Format, authors *mailmap.Map, trailers bool) *remake {
	m := &remake{local: l, authors: authors, hasher: object.NewHasher(f), ids: map[object.ID]object.ID{}}
	m.plan.Authors = map[rehome.Identity]rehome.Identity{}
	if authors != nil && trailers {
		m.plan.Trailers = authors.Lookup
	}
	m.editor = rewrite.NewEditor(f, m.plan)
	return m
}

// all makes the wanted commits anew. One that cannot be made has a fault then, as those on it have.
func (m *remake) all(ctx context.Context, wanted map[object.ID]bool) error {
	for _, id := range m.order {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := m.places[id]
		if m.settle(p); !wanted[id] || p.fault != "" || m.stays(p) {
			continue
		}
		err := m.commit(id, p)
		var told *rehome.Error
		if errors.As(err, &told) {
			p.fault = "commit " + short(id) + ": " + told.Message
		} else if err != nil {
			return err
		}
	}
	return nil
}

// stays reports whether a commit has nothing to do with what changed: it was made on the new
// history, or nothing but its authors could differ and they are not mapped.
func (m *remake) stays(p *place) bool { return !p.moves && (p.carried || m.authors == nil) }

func (m *remake) commit(id object.ID, p *place) error {
	_, raw, err := m.objects.Read(id)
	if err != nil {
		return err
	}
	m.mapPeople(raw, id.Format())
	edited, err := m.editor.Commit(raw, p.tree, m.becomes)
	if err != nil || !edited.Changed {
		return err
	}
	made, err := m.hasher.Sum(object.Commit, edited.Data)
	if err != nil {
		return err
	}
	m.ids[id] = made
	m.made = append(m.made, madeCommit{id, made, slices.Clone(edited.Data), edited.SignatureDropped})
	return nil
}

// mapPeople looks up who made a commit.
func (m *remake) mapPeople(raw []byte, f object.Format) {
	if m.authors == nil {
		return
	}
	commit, _ := object.ParseCommit(f, raw)
	for _, who := range []object.Ident{commit.Author, commit.Committer} {
		id := rehome.Identity{Name: string(who.Name), Mail: string(who.Mail)}
		if to, ok := m.authors.Lookup(id); ok && who.Found() {
			m.plan.Authors[id] = to
		}
	}
}

// becomes returns the new id of a commit that was looked at, or the id itself.
func (m *remake) becomes(id object.ID) object.ID {
	if p := m.places[id]; p != nil && !p.local {
		return p.becomes
	}
	if to, ok := m.ids[id]; ok {
		return to
	}
	return id
}

// only leaves of what was made the commits that came of the given ones.
func (m *remake) only(olds map[object.ID]bool) {
	m.made = slices.DeleteFunc(m.made, func(c madeCommit) bool { return !olds[c.old] })
}

// signatures returns how many of the commits made have lost one.
func (m *remake) signatures() (n int) {
	for _, c := range m.made {
		if c.unsigned {
			n++
		}
	}
	return n
}

// write writes what was made as one pack, but for what is there.
func (m *remake) write(ctx context.Context, f object.Format, p, index pack.File, scratch pack.Scratch) (pack.Written, error) {
	w, err := pack.NewWriter(p, pack.WriterOptions{Format: f, Objects: int64(len(m.made)), Scratch: scratch})
	if err != nil {
		return pack.Written{}, err
	}
	defer w.Close()
	written := map[object.ID]bool{}
	var stream []byte
	encoder := deflate.NewEncoder(nil)
	for _, c := range m.made {
		if written[c.id] || m.objects.Has(c.id) {
			continue
		}
		written[c.id] = true
		stream = encoder.Append(stream[:0], c.data)
		if _, err := w.Add(object.Commit, c.id, int64(len(c.data)), stream); err != nil {
			return pack.Written{}, err
		}
	}
	return w.Finish(ctx, index)
}
