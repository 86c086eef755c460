package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// Contributors lists everybody that a source's refs lead to, the one with most commits
// first. Of a URL only the history is fetched, as far as its server can tell it apart,
// into a temporary folder; a repository on this machine is read where it is. left says
// which refs an import leaves behind.
func Contributors(ctx context.Context, from source.Source, l remote.Location, left func(ref string) bool) ([]rehome.Contributor, error) {
	if l.Path != "" {
		return localContributors(ctx, l.Path, left)
	}
	work, err := os.MkdirTemp("", "rehome-authors-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder to work in: %w", err)
	}
	defer os.RemoveAll(work)
	got, err := from.Fetch(ctx, source.Request{Location: l, Dir: filepath.Join(work, "repository"), HistoryOnly: true})
	if err != nil {
		return nil, err
	}
	return contributorsOf(ctx, got.Repo, got.Refs)
}

func localContributors(ctx context.Context, path string, left func(string) bool) ([]rehome.Contributor, error) {
	r, err := repo.OpenClone(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &rehome.Error{Code: rehome.NotARepository, Message: fmt.Sprintf("There is no Git repository in this folder: %q.", path), Hint: "Check the path.", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	if st, err := os.Stat(filepath.Join(r.Dir(), "shallow")); err == nil && st.Size() > 0 {
		return nil, &rehome.Error{Code: rehome.SourceShallow, Message: "The source's history is cut off: it is a shallow clone.", Hint: "Run git fetch --unshallow there first."}
	}
	refs, err := r.Refs()
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return contributorsOf(ctx, r, slices.DeleteFunc(refs, func(ref repo.Ref) bool { return left(ref.Name) }))
}

// contributorsOf reads the history that refs of r reach.
func contributorsOf(ctx context.Context, r *repo.Repo, refs []repo.Ref) ([]rehome.Contributor, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	objects, err := r.Objects()
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	defer objects.Close()
	c := census{objects: objects, seen: map[object.ID]bool{}, lines: map[string]int{}, people: map[rehome.Identity]int{}}
	for _, ref := range refs {
		if err := c.pushAny(ref.ID); err != nil {
			return nil, fmt.Errorf("read history: %w", err)
		}
	}
	err = c.take(ctx)
	if errors.Is(err, repo.ErrNoObject) {
		return nil, &rehome.Error{Code: rehome.CorruptObject, Message: "The source's history lacks a commit that others name.", Hint: "Run git fsck on the source.", Err: err}
	}
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return c.list(), nil
}

// census goes through a history from its tips and counts who did what. It reads each
// object once, and keeps none.
type census struct {
	objects *repo.Objects
	seen    map[object.ID]bool
	next    []object.ID
	lines   map[string]int // numbers of identities by `Name <mail>` as it stands there
	people  map[rehome.Identity]int
	deeds   []deeds
}

func (c *census) push(id object.ID) {
	if !c.seen[id] {
		c.seen[id] = true
		c.next = append(c.next, id)
	}
}

// pushAny is push for what may be a tree or a blob, which is not looked at: it may be
// large, or have been left out.
func (c *census) pushAny(id object.ID) error {
	t, err := c.objects.Type(id)
	if errors.Is(err, repo.ErrNoObject) {
		return nil
	}
	if err == nil && (t == object.Commit || t == object.Tag) {
		c.push(id)
	}
	return err
}

func (c *census) take(ctx context.Context) error {
	for n := 0; len(c.next) > 0; n++ {
		if n&0xfff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		id := c.next[len(c.next)-1]
		c.next = c.next[:len(c.next)-1]
		t, raw, err := c.objects.Read(id)
		if err != nil {
			return err
		}
		switch t {
		case object.Commit:
			c.commit(id.Format(), raw)
		case object.Tag:
			tag, _ := object.ParseTag(id.Format(), raw)
			c.person(raw, &tag.Tagger)
			if err := c.pushAny(tag.Object); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *census) commit(f object.Format, raw []byte) {
	commit, _ := object.ParseCommit(f, raw)
	if d := c.person(raw, &commit.Author); d != nil {
		d.commits++
	}
	c.person(raw, &commit.Committer)
	for parent := range commit.Parents() {
		c.push(parent)
	}
}

// person takes down an identity and when it did something; nil where there is none.
func (c *census) person(raw []byte, i *object.Ident) *deeds {
	if !i.Found() {
		return nil
	}
	n, ok := c.lines[string(raw[i.Start:i.End])]
	if !ok {
		is := rehome.Identity{Name: string(i.Name), Mail: string(i.Mail)}
		if n, ok = c.people[is]; !ok {
			n = len(c.deeds)
			c.people[is] = n
			c.deeds = append(c.deeds, deeds{})
		}
		c.lines[string(raw[i.Start:i.End])] = n
	}
	c.deeds[n].add(i.Date(raw))
	return &c.deeds[n]
}

// deeds is what an identity did in a history. Times are Unix seconds.
type deeds struct {
	commits     int64
	dated       bool // the next two are known
	first, last int64
}

// add takes down that something was done at a time.
func (d *deeds) add(at int64, dated bool) {
	switch {
	case !dated:
	case !d.dated:
		d.dated, d.first, d.last = true, at, at
	default:
		d.first, d.last = min(d.first, at), max(d.last, at)
	}
}

// list is everybody, the one with most commits first.
func (c *census) list() []rehome.Contributor {
	list := make([]rehome.Contributor, 0, len(c.people))
	for is, n := range c.people {
		list = append(list, contributor(is, c.deeds[n]))
	}
	slices.SortFunc(list, func(a, b rehome.Contributor) int {
		return cmp.Or(cmp.Compare(b.Commits, a.Commits), strings.Compare(a.Name, b.Name), strings.Compare(a.Email, b.Email))
	})
	return list
}

func contributor(is rehome.Identity, d deeds) rehome.Contributor {
	c := rehome.NewContributor(is)
	c.Commits = d.commits
	if d.dated {
		first, last := time.Unix(d.first, 0).UTC(), time.Unix(d.last, 0).UTC()
		c.First, c.Last = &first, &last
	}
	return c
}
