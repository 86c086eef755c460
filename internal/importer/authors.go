package importer

import (
	"bytes"
	"context"
	"errors"

	"rehome"
	"rehome/internal/mailmap"
	"rehome/internal/store"
)

// MapAuthor maps exactly one identity; nil leaves its name or its email as it is mapped.
// It is taken at every status: what was rewritten is rewritten again, and what was pushed
// pushed again. A change of nothing changes nothing. Invalid for what Git cannot write
// into history, NotFound without such an author, Invalid once the import is closed, and DestinationMoved when it would have
// to move a ref that somebody else moved since.
func (m *Importer) MapAuthor(ctx context.Context, repositoryID, authorID int64, name, email *string) (rehome.Author, error) {
	if err := mailmap.CheckIdentity(orEmpty(name), orEmpty(email)); err != nil {
		return rehome.Author{}, err
	}
	mapped := func(a rehome.Author) rehome.Author {
		if name != nil {
			a.Name = *name
		}
		if email != nil {
			a.Email = *email
		}
		return a
	}
	err := m.refuseMoved(ctx, repositoryID, func(p *planned) {
		for n, a := range p.authors {
			if a.ID == authorID {
				p.authors[n] = mapped(a)
			}
		}
	})
	if err != nil {
		return rehome.Author{}, err
	}
	var author rehome.Author
	_, err = m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		if err := checkOpen(i); err != nil {
			return err
		}
		was, err := t.Author(ctx, i.ID, authorID)
		if err != nil {
			return err
		}
		author = mapped(was)
		if author.Name == was.Name && author.Email == was.Email {
			return store.ErrUnchanged
		}
		m.replan(i, t.Now)
		return t.MapAuthors(ctx, i.ID, []rehome.Author{author})
	})
	return author, err
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// change changes what is wanted of the repository's import and tells whom it concerns.
func (m *Importer) change(ctx context.Context, repositoryID int64, change func(*store.Tx, *store.Import) error) (store.Import, error) {
	var before rehome.Status
	changed := false
	row, err := m.DB.ChangeImport(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		before = i.State.Status
		err := change(t, i)
		changed = !errors.Is(err, store.ErrUnchanged)
		return err
	})
	if err == nil && changed {
		m.tell(ctx, before, &row)
	}
	return row, err
}

// AuthorMap is a whole author map: the text of a file, or entries.
type AuthorMap struct {
	Text    []byte        // as mailmap.Parse takes it; nil for Entries
	Entries []AuthorEntry // at the first place 1 counts as line 1
}

// AuthorEntry maps the identity of an id, or those with exactly that name, mail, or both.
// Nil leaves the name or the mail as the source has it.
type AuthorEntry struct {
	ID         int64   `json:"id,omitempty"` // 0 for none; then at least one of the next two
	RemoteName *string `json:"remote_name,omitempty"`
	RemoteID   *string `json:"remote_id,omitempty"` // the mail
	Name       *string `json:"name,omitempty"`
	Email      *string `json:"email,omitempty"`
}

// Mapped says what a whole map did. Mapped and Unmapped are all identities together.
type Mapped struct {
	Mapped   int64
	Unmapped int64
	Unknown  []UnknownLine
}

// UnknownLine is a line or entry that is for no identity the import has so far.
type UnknownLine struct {
	Line int // from 1
	Text string
}

// MapAuthors replaces the whole map: an identity that no line is for becomes itself again.
// The map is kept, too, for identities still to come. With bad lines the error is a
// *mailmap.Error that lists them, and nothing is taken. NotFound without an import, Invalid and
// DestinationMoved as with MapAuthor.
func (m *Importer) MapAuthors(ctx context.Context, repositoryID int64, given AuthorMap) (Mapped, error) {
	whole, err := parseMap(given)
	if err != nil {
		return Mapped{}, err
	}
	err = m.refuseMoved(ctx, repositoryID, func(p *planned) {
		remap(p.authors, whole)
		p.whole = whole
	})
	if err != nil {
		return Mapped{}, err
	}
	var all []rehome.Author
	stored := whole.stored()
	_, err = m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) (err error) {
		if err := checkOpen(i); err != nil {
			return err
		}
		if all, err = t.Authors(ctx, i.ID); err != nil {
			return err
		}
		changed := remap(all, whole)
		kept, _, err := t.AuthorMap(ctx, i.ID, 0)
		if err != nil {
			return err
		}
		same := kept.Version > 0 && kept.Kind == stored.Kind && bytes.Equal(kept.Body, stored.Body)
		if same && len(changed) == 0 {
			return store.ErrUnchanged
		}
		if len(changed) > 0 || !same && i.Options.MapTrailers {
			m.replan(i, t.Now)
		}
		if err := t.MapAuthors(ctx, i.ID, changed); err != nil || same {
			return err
		}
		return t.SetAuthorMap(ctx, i.ID, stored)
	})
	if err != nil {
		return Mapped{}, err
	}
	return whole.report(all), nil
}

// remap maps authors as a whole map says, in place, and returns those that changed.
func remap(authors []rehome.Author, whole *wholeMap) (changed []rehome.Author) {
	for n := range authors {
		a := &authors[n]
		to, _ := whole.lookup(a.ID, a.Remote())
		name, email := text([]byte(to.Name)), text([]byte(to.Mail))
		if name != a.Name || email != a.Email {
			a.Name, a.Email = name, email
			changed = append(changed, *a)
		}
	}
	return changed
}
