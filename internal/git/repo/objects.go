package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// readLimit bounds an object read into memory, bytes.
const readLimit = 1 << 30

// ErrNoObject reports an id that no object of the repository has.
var ErrNoObject = errors.New("no such object")

// Objects reads single objects of a repository by id: from its packs and those it borrows as
// they were when it was opened, and from loose objects. It is safe for concurrent use.
type Objects struct {
	repo    *Repo
	folders []string // of objects, the repository's own first
	packs   []*pack.Pack
	names   []string // of packs, as "pack-<hex>"
	free    []func()
}

// Objects opens the repository's packs, and those of its alternates. Close gives them back.
func (r *Repo) Objects() (*Objects, error) {
	folders, err := r.objectFolders()
	if err != nil {
		return nil, fmt.Errorf("find objects: %w", err)
	}
	o := &Objects{repo: r, folders: folders}
	for _, folder := range folders {
		if err := o.openAll(filepath.Join(folder, "pack")); err != nil {
			o.Close()
			return nil, err
		}
	}
	return o, nil
}

// openAll opens the packs in a folder. While git repacks, packs go away after the one that has their
// objects came: then it looks again.
func (o *Objects) openAll(folder string) error {
	packs, free := len(o.packs), len(o.free)
	for range 10 {
		indexes, err := filepath.Glob(globQuote(folder) + "/pack-*.idx")
		if err != nil {
			return fmt.Errorf("list packs: %w", err)
		}
		if err = o.openEach(indexes); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, free := range o.free[free:] {
			free()
		}
		o.packs, o.names, o.free = o.packs[:packs], o.names[:packs], o.free[:free]
	}
	return fmt.Errorf("open packs: those in %q go away again and again", folder)
}

// openEach opens packs by their indexes. An index that is left without its pack, as git passes it over, is none.
func (o *Objects) openEach(indexes []string) error {
	for _, index := range indexes {
		err := o.open(index)
		if _, gone := os.Lstat(index); err != nil && errors.Is(err, fs.ErrNotExist) && gone == nil {
			continue
		}
		if err != nil {
			return fmt.Errorf("open pack %s: %w", filepath.Base(index), err)
		}
	}
	return nil
}

func (o *Objects) open(index string) error {
	x, freeIndex, err := openMapped(index)
	if err != nil {
		return err
	}
	o.free = append(o.free, freeIndex)
	b, freePack, err := openMapped(strings.TrimSuffix(index, "idx") + "pack")
	if err != nil {
		return err
	}
	o.free = append(o.free, freePack)
	p, err := pack.Open(b, x, o.repo.format)
	if err != nil {
		return err
	}
	o.packs, o.names = append(o.packs, p), append(o.names, strings.TrimSuffix(filepath.Base(index), ".idx"))
	return nil
}

// OpenIndex opens the index of a pack, with ids of format f, apart from any repository. It lies in the file until free
// is called.
func OpenIndex(path string, f object.Format) (x *pack.Index, free func(), err error) {
	b, free, err := openMapped(path)
	if err != nil {
		return nil, nil, err
	}
	if x, err = pack.OpenIndex(b, f); err != nil {
		free()
		return nil, nil, err
	}
	return x, free, nil
}

// Close unmaps the packs; what Read returned stays valid.
func (o *Objects) Close() {
	for _, free := range o.free {
		free()
	}
	o.free, o.packs, o.names = nil, nil, nil
}

// Packs returns the opened packs. They are valid until Close.
func (o *Objects) Packs() []*pack.Pack { return o.packs }

// Named yields the opened packs with their names, "pack-<hex>". They are valid until Close.
func (o *Objects) Named() iter.Seq2[string, *pack.Pack] {
	return func(yield func(string, *pack.Pack) bool) {
		for i, p := range o.packs {
			if !yield(o.names[i], p) {
				return
			}
		}
	}
}

// Pack returns the opened pack of that name, "pack-<hex>"; nil where there is none.
func (o *Objects) Pack(name string) *pack.Pack {
	if i := slices.Index(o.names, name); i >= 0 {
		return o.packs[i]
	}
	return nil
}

// Holders returns the names of the packs that have an object, and "" where it is loose as well.
func (o *Objects) Holders(id object.ID) []string {
	var names []string
	for i, p := range o.packs {
		if _, ok := p.Index.Find(id); ok {
			names = append(names, o.names[i])
		}
	}
	if o.hasLoose(id) {
		names = append(names, "")
	}
	return names
}

// Has reports whether the repository has an object of that id.
func (o *Objects) Has(id object.ID) bool {
	for _, p := range o.packs {
		if _, ok := p.Index.Find(id); ok {
			return true
		}
	}
	return o.hasLoose(id)
}

// Read returns the object of that id, ErrNoObject when there is none, and an error for
// one of more than 1 GiB. Its bytes are not hashed again.
func (o *Objects) Read(id object.ID) (object.Type, []byte, error) {
	for _, p := range o.packs {
		if i, ok := p.Index.Find(id); ok {
			t, data, err := p.Read(i, readLimit)
			if err != nil {
				return 0, nil, fmt.Errorf("read object %s: %w", id, err)
			}
			return t, data, nil
		}
	}
	t, data, err := o.readLoose(id)
	if err != nil {
		return 0, nil, fmt.Errorf("read object %s: %w", id, err)
	}
	return t, data, nil
}

// Type returns the type of the object of that id without making the object.
func (o *Objects) Type(id object.ID) (object.Type, error) {
	for _, p := range o.packs {
		if i, ok := p.Index.Find(id); ok {
			return p.Type(i)
		}
	}
	t, _, err := o.Read(id)
	return t, err
}

// Links returns what history goes on to from an object: a commit's parents, what a tag
// names. Other objects, and one that is not there, lead nowhere; a damaged one leads as
// far as it can be read.
func (o *Objects) Links(id object.ID) (object.Type, []object.ID, error) {
	t, err := o.Type(id)
	if errors.Is(err, ErrNoObject) {
		return 0, nil, nil
	}
	if err != nil || t != object.Commit && t != object.Tag {
		return t, nil, err
	}
	_, data, err := o.Read(id)
	if err != nil {
		return t, nil, err
	}
	if t == object.Tag {
		tag, _ := object.ParseTag(id.Format(), data)
		return t, []object.ID{tag.Object}, nil
	}
	commit, _ := object.ParseCommit(id.Format(), data)
	return t, slices.Collect(commit.Parents()), nil
}
