package importer

import (
	"context"
	"strings"

	"rehome"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// Detect says what answers at a URL, as remote.Parse takes it, without starting anything. Its errors are those of a source.
func (m *Importer) Detect(ctx context.Context, url, username string, password rehome.Secret) (source.Found, error) {
	l, err := remote.Parse("the URL", url)
	if err != nil {
		return source.Found{}, err
	}
	if username != "" || password != "" {
		if err := remote.CheckCredentials("the user name", username, password); err != nil {
			return source.Found{}, err
		}
		l.Username, l.Password = username, password
	}
	return detect(ctx, m.Source, l)
}

// AuthorQuery chooses identities of an import for a page.
type AuthorQuery struct {
	Search string            // part of the name or mail, of the source's or of the mapping's, in any case; "" for all
	Mapped bool              // those alone that become others
	First  []rehome.Identity // who comes before all others, in this order; some hundreds
	Offset int               // 0 or more
	Limit  int               // 1 or more
}

// authorsAtOnce is how many identities are read together while they are searched.
const authorsAtOnce = 5000

// FindAuthors returns a page of the identities that a query chooses, those it names first and then all others as first seen, and how many
// there are in all. NotFound without an import.
func (m *Importer) FindAuthors(ctx context.Context, repositoryID int64, q AuthorQuery) (page []rehome.Author, total int, err error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return nil, 0, err
	}
	first, err := m.authorsLike(ctx, i.ID, q.First)
	if err != nil {
		return nil, 0, err
	}
	if q.Search != "" || q.Mapped {
		return m.searchAuthors(ctx, i.ID, q, first)
	}
	ids := make([]int64, len(first))
	for n, a := range first {
		ids[n] = a.ID
	}
	page = first[min(q.Offset, len(first)):min(q.Offset+q.Limit, len(first))]
	rest, total, err := m.DB.AuthorsAt(ctx, i.ID, ids, max(q.Offset-len(first), 0), q.Limit-len(page))
	return append(page, rest...), total, err
}

// authorsLike returns those among identities that the import has, in their order.
func (m *Importer) authorsLike(ctx context.Context, importID int64, wanted []rehome.Identity) (list []rehome.Author, err error) {
	found, err := m.DB.AuthorsOf(ctx, importID, wanted)
	if err != nil {
		return nil, err
	}
	known := make(map[rehome.Identity]rehome.Author, len(found))
	for _, a := range found {
		known[a.Remote()] = a
	}
	for _, i := range wanted {
		if a, ok := known[i]; ok {
			list = append(list, a)
			delete(known, i)
		}
	}
	return list, nil
}

// searchAuthors goes through all identities of an import for FindAuthors.
func (m *Importer) searchAuthors(ctx context.Context, importID int64, q AuthorQuery, first []rehome.Author) (page []rehome.Author, total int, err error) {
	search := strings.ToLower(q.Search)
	seen := make(map[int64]bool, len(first))
	look := func(a rehome.Author) {
		if seen[a.ID] || !q.chooses(a, search) {
			return
		}
		if total++; total > q.Offset && len(page) < q.Limit {
			page = append(page, a)
		}
	}
	for _, a := range first {
		look(a)
		seen[a.ID] = true
	}
	for since := int64(0); ; {
		some, err := m.DB.Authors(ctx, importID, since, authorsAtOnce)
		if err != nil {
			return nil, 0, err
		}
		for _, a := range some {
			look(a)
		}
		if len(some) < authorsAtOnce {
			return page, total, nil
		}
		since = some[len(some)-1].ID
	}
}

func (q AuthorQuery) chooses(a rehome.Author, search string) bool {
	if _, mapped := a.Mapped(); q.Mapped && !mapped {
		return false
	}
	if search == "" {
		return true
	}
	for _, text := range []string{string(a.RemoteName), string(a.RemoteMail), a.Name, a.Email} {
		if strings.Contains(strings.ToLower(text), search) {
			return true
		}
	}
	return false
}

// Preview is what a whole author map would do.
type Preview struct {
	Mapped
	Changed []rehome.Author // identities that would become others than they become now, as they would be mapped
}

// PreviewAuthors says what MapAuthors would do, and changes nothing. Its errors are those of MapAuthors but DestinationMoved.
func (m *Importer) PreviewAuthors(ctx context.Context, repositoryID int64, given AuthorMap) (Preview, error) {
	whole, err := parseMap(given)
	if err != nil {
		return Preview{}, err
	}
	all, err := m.Authors(ctx, repositoryID, 0, 0)
	if err != nil {
		return Preview{}, err
	}
	changed := remap(all, whole)
	return Preview{Mapped: whole.report(all), Changed: changed}, nil
}
