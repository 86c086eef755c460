package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// repository checks a bare repository: that its packs fit their indexes, its refs lead to objects, and its history is whole: every
// commit that refs reach has its parents and its folder. With ReadData, that everything is what its hash says, and complete.
func (c *checking) repository(ctx context.Context, l *list, dir string) ([]Finding, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		l.add(Damage, "no_folder", "its folder is not there")
		return l.all, nil
	}
	r, err := repo.Open(dir)
	if err != nil {
		l.add(Damage, "repository", "%v", err)
		return l.all, nil
	}
	refs, err := r.Refs() // before the packs: what they need is never taken before they are
	if err != nil {
		l.add(Damage, "refs", "%v", err)
		return l.all, nil
	}
	if whole, err := c.packs(ctx, l, r); err != nil || !whole {
		return l.all, err
	}
	objects, err := r.Objects()
	if err != nil {
		l.add(Damage, "packs", "%v", err)
		return l.all, nil
	}
	defer objects.Close()
	w := walk{c: c, l: l, repo: r, objects: objects, tips: lost(l, objects, refs)}
	for _, look := range []func(context.Context) error{w.history, w.read} {
		if err := w.judge(ctx, pack.Guard(func() error { return look(ctx) })); err != nil {
			return nil, err
		}
	}
	return l.all, nil
}

// lost notes the refs whose object is not there, and returns what the others name.
func lost(l *list, objects *repo.Objects, refs []repo.Ref) (tips []object.ID) {
	for _, ref := range refs {
		if objects.Has(ref.ID) {
			tips = append(tips, ref.ID)
			continue
		}
		l.add(Damage, "missing_object", "%q names %s, which is not there", ref.Name, ref.ID)
	}
	return tips
}

// walk looks at the objects of one repository.
type walk struct {
	c       *checking
	l       *list
	repo    *repo.Repo
	objects *repo.Objects
	tips    []object.ID
}

// judge tells damage from what ended the check.
func (w *walk) judge(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	w.l.add(Damage, "object", "%v", err)
	return nil
}

// history follows commits and tags.
func (w *walk) history(ctx context.Context) error {
	g, err := w.objects.History(ctx, w.tips, repo.Scratch(os.TempDir()), compute.Processors())
	if err != nil {
		return err
	}
	defer g.Close()
	reached := g.Reach(w.tips)
	for n := range uint32(g.Len()) {
		if !reached.Has(n) {
			continue
		}
		if n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		for _, to := range linksOf(g.Type(n), g.Format(), g.Bytes(n)) {
			if !w.objects.Has(to) {
				w.l.add(Damage, "missing_object", "%s %s leads to %s, which is not there", g.Type(n), g.ID(n), to)
			}
		}
	}
	return nil
}

// linksOf returns what an object leads to, but for submodules.
func linksOf(t object.Type, f object.Format, data []byte) (to []object.ID) {
	switch t {
	case object.Commit:
		commit, _ := object.ParseCommit(f, data)
		to = append(to, commit.Tree)
		for parent := range commit.Parents() {
			to = append(to, parent)
		}
	case object.Tag:
		tag, _ := object.ParseTag(f, data)
		to = append(to, tag.Object)
	case object.Tree:
		for e, err := range object.Entries(f, data) {
			if err == nil && !e.Mode.IsSubmodule() {
				to = append(to, object.FromBytes(f, e.ID))
			}
		}
	}
	return to
}

// packs checks that each pack has an index that fits. whole says that the repository can be read.
func (c *checking) packs(ctx context.Context, l *list, r *repo.Repo) (whole bool, err error) {
	folder := filepath.Join(r.Dir(), "objects", "pack")
	entries, err := os.ReadDir(folder)
	if err != nil {
		l.add(Damage, "packs", "%v", err)
		return false, nil
	}
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Name()] = true
	}
	whole = true
	for _, e := range entries {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		ext := filepath.Ext(e.Name())
		name := e.Name()[:len(e.Name())-len(ext)]
		switch {
		case ext == ".pack" && !has[name+".idx"]:
			l.add(Warning, "no_index", "%s has no index: nothing in it is used", e.Name())
		case ext == ".idx" && !has[name+".pack"]:
			l.add(Damage, "no_pack", "%s has no pack", e.Name())
			whole = false
		case ext == ".idx":
			c.result.Packs++
			if wrong := fits(filepath.Join(folder, name), r.Format()); wrong != nil && !errors.Is(wrong, fs.ErrNotExist) {
				l.add(Damage, "pack", "%s: %v", name, wrong)
				whole = false
			}
		}
	}
	return whole, nil
}

// fits says what is wrong between a pack and its index, without reading the pack.
func fits(path string, f object.Format) (wrong error) {
	return pack.Guard(func() error {
		index, err := os.ReadFile(path + ".idx")
		if err != nil {
			return err
		}
		x, err := pack.OpenIndex(index, f)
		if err != nil {
			return err
		}
		n := f.Size()
		if sum := hashOf(f); !sum.of(index[:len(index)-n], index[len(index)-n:]) {
			return errors.New("its index is not what was written: its hash is another")
		}
		in, err := os.Open(path + ".pack")
		if err != nil {
			return err
		}
		defer in.Close()
		return ends(in, index, n, x)
	})
}

// ends compares the two ends of a pack with its index.
func ends(in *os.File, index []byte, n int, x *pack.Index) error {
	info, err := in.Stat()
	if err != nil {
		return err
	}
	head, trailer := make([]byte, 12), make([]byte, n)
	if info.Size() < int64(len(head)+n) {
		return fmt.Errorf("the pack has %d bytes", info.Size())
	}
	if _, err := in.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := in.ReadAt(trailer, info.Size()-int64(n)); err != nil {
		return err
	}
	count := int(head[8])<<24 | int(head[9])<<16 | int(head[10])<<8 | int(head[11])
	switch {
	case string(head[:4]) != "PACK":
		return errors.New("it is no pack")
	case count != x.Len():
		return fmt.Errorf("the pack has %d objects, its index %d", count, x.Len())
	case string(trailer) != string(index[len(index)-2*n:len(index)-n]):
		return errors.New("the pack does not end with the hash that its index has")
	}
	for i := range x.Len() {
		if at := x.Offset(i); at < int64(len(head)) || at >= info.Size()-int64(n) {
			return fmt.Errorf("its index leads to byte %d of %d", at, info.Size())
		}
	}
	return nil
}
