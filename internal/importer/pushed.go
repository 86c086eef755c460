package importer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome/internal/disk"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// pushed is what a destination should have since the last push: the indexes of the packs that it came from. It is
// a guess: somebody may have deleted there what nothing named any more.
type pushed struct {
	format  object.Format
	dir     string
	packs   []string      // names
	indexes []*pack.Index // nil until they are asked for
	free    []func()
}

// openPushed opens what the last push left; nothing where there was none.
func (w *worker) openPushed(ctx context.Context, f object.Format) *pushed {
	dir, err := w.here(ctx, &w.row, kindPushed)
	p := &pushed{format: f, dir: dir}
	var entries []os.DirEntry
	if err == nil {
		entries, err = os.ReadDir(p.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.logOf(ctx, w.row.ID).WarnContext(ctx, "look at what was pushed", "err", err)
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".idx"); ok {
			p.packs = append(p.packs, name)
		}
	}
	return p
}

// has reports whether an object was pushed, nil where nothing was. The indexes are read when it is first asked.
func (p *pushed) has() func(id []byte) bool {
	if len(p.packs) == 0 {
		return nil
	}
	return func(id []byte) bool {
		if p.indexes == nil {
			p.read()
		}
		at := object.FromBytes(p.format, id)
		return slices.ContainsFunc(p.indexes, func(x *pack.Index) bool { _, ok := x.Find(at); return ok })
	}
}

// read opens the indexes. One that cannot be read costs bytes, and nothing else.
func (p *pushed) read() {
	p.indexes = []*pack.Index{}
	for _, name := range p.packs {
		if x, free, err := repo.OpenIndex(filepath.Join(p.dir, name+".idx"), p.format); err == nil {
			p.indexes, p.free = append(p.indexes, x), append(p.free, free)
		}
	}
}

// close gives back what read opened; nothing is asked after that.
func (p *pushed) close() {
	for _, free := range p.free {
		free()
	}
	p.indexes, p.free = nil, nil
}

// keepPushed remembers that the destination has the packs of from.
func (w *worker) keepPushed(ctx context.Context, from *repo.Repo) error {
	names, err := from.PackNames()
	if err != nil {
		return err
	}
	work := w.Folder.work(w.row.ID, w.lease.Fence)
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o700)); err != nil {
		return fmt.Errorf("remember what was pushed: %w", err)
	}
	for _, name := range names {
		if err := linkOrCopy(filepath.Join(from.Dir(), "objects", "pack", name+".idx"), filepath.Join(work, name+".idx")); err != nil {
			return fmt.Errorf("remember what was pushed: %w", err)
		}
	}
	return w.keep(ctx, work, kindPushed, from.Format())
}

// linkOrCopy gives a file a second name, where the folders cannot share it a second self.
func linkOrCopy(from, to string) error {
	if disk.Share(from, to) == nil {
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return disk.WriteFile(to, text, 0o400)
}
