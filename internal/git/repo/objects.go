package repo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zlib"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

// readLimit bounds an object read into memory, bytes.
const readLimit = 1 << 30

// ErrNoObject reports an id that no object of the repository has.
var ErrNoObject = errors.New("no such object")

// Objects reads single objects of a repository by id: from its packs as they were when
// it was opened, and from loose objects. It is safe for concurrent use.
type Objects struct {
	repo  *Repo
	packs []*pack.Pack
	free  []func()
}

// Objects opens the repository's packs. Close gives them back.
func (r *Repo) Objects() (*Objects, error) {
	indexes, err := filepath.Glob(globQuote(r.path("objects/pack")) + "/pack-*.idx")
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	o := &Objects{repo: r}
	for _, index := range indexes {
		if err := o.open(index); err != nil {
			o.Close()
			return nil, fmt.Errorf("open pack %s: %w", filepath.Base(index), err)
		}
	}
	return o, nil
}

func (o *Objects) open(index string) error {
	x, freeIndex, err := openMapped(index)
	if err != nil {
		return err
	}
	o.free = append(o.free, freeIndex)
	b, freePack, err := openMapped(index[:len(index)-len("idx")] + "pack")
	if err != nil {
		return err
	}
	o.free = append(o.free, freePack)
	p, err := pack.Open(b, x, o.repo.format)
	if err != nil {
		return err
	}
	o.packs = append(o.packs, p)
	return nil
}

// Close unmaps the packs; what Read returned stays valid.
func (o *Objects) Close() {
	for _, free := range o.free {
		free()
	}
	o.free, o.packs = nil, nil
}

// Packs returns the opened packs. They are valid until Close.
func (o *Objects) Packs() []*pack.Pack { return o.packs }

// Has reports whether the repository has an object of that id.
func (o *Objects) Has(id object.ID) bool {
	for _, p := range o.packs {
		if _, ok := p.Index.Find(id); ok {
			return true
		}
	}
	_, err := os.Lstat(o.loosePath(id))
	return err == nil
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

func (o *Objects) loosePath(id object.ID) string {
	hex := id.String()
	return o.repo.path("objects/" + hex[:2] + "/" + hex[2:])
}

// readLoose reads a loose object: a zlib stream of "type size\0" and the object's bytes.
func (o *Objects) readLoose(id object.ID) (object.Type, []byte, error) {
	f, err := os.Open(o.loosePath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, ErrNoObject
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	z, err := zlib.NewReader(f)
	if err != nil {
		return 0, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, readLimit))
	if err != nil {
		return 0, nil, err
	}
	return object.ParseLoose(data)
}
