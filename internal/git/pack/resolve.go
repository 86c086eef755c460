package pack

import (
	"context"
	"fmt"

	"rehome/internal/git/object"
)

// resolve makes every object of the content pack that scan left: each tree, and each
// blob made from a delta. Whole blobs were hashed and visited while they passed.
func (p *pass) resolve(ctx context.Context) error {
	w := p.content
	if err := w.flush(); err != nil {
		return err
	}
	if w.table.n == 0 {
		return nil
	}
	mem, free, err := p.o.Storage.Map(w.file, w.at)
	if err != nil {
		return fmt.Errorf("map pack: %w", err)
	}
	defer free()
	w.table.link()
	f := &forest{
		table: w.table, pack: mem, workers: p.o.Workers, scratch: p.o.Storage.Scratch, heldPath: p.o.heldPath,
		look:    p.look,
		skip:    func(object.Type) bool { return false },
		passed:  func(t object.Type) bool { return t == object.Blob },
		measure: func(pos uint32, _ []byte) (int64, error) { return int64(w.table.size[pos]), nil },
		spend:   p.spend,
	}
	return f.run(ctx)
}

// look hashes o, notes its id, and shows it to the visitor.
func (p *pass) look(w *walker, o *Object) error {
	id, err := w.hasher.Sum(o.Type, o.Data)
	if err != nil {
		return err
	}
	o.ID, o.Stored = id, w.table.length(o.Pos)
	w.table.setID(o.Pos, id)
	if err := p.o.Visit(o); err != nil {
		return err
	}
	if w.reports++; w.number == 0 && w.reports&0x3ff == 0 {
		p.progress(w.made.Load(), true)
	}
	w.made.Add(1)
	return nil
}
