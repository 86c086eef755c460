package importer

import (
	"context"

	"rehome"
	"rehome/internal/rewrite"
	"rehome/internal/store"
	"rehome/internal/submodule"
)

// planned is what decides a rewrite, as the rows say it.
type planned struct {
	authors []rehome.Author
	whole   *wholeMap // nil for none
	options rehome.Options
	large   largePlan
	found   rehome.Found
	moved   *submodule.Moved
}

// planOf reads what decides a rewrite of the import.
func (m *Importer) planOf(ctx context.Context, i *store.Import) (*planned, error) {
	authors, err := m.DB.Authors(ctx, i.ID, 0, 0)
	if err != nil {
		return nil, err
	}
	p := &planned{authors: authors, options: i.Options, found: i.Found, moved: m.Submodules}
	if p.large, err = m.largePlanOf(ctx, i); err != nil {
		return nil, err
	}
	kept, ok, err := m.DB.AuthorMap(ctx, i.ID, 0)
	if err == nil && ok {
		p.whole, err = readMap(kept)
	}
	return p, err
}

// plan is the plan as the rewrite takes it, with the number of identities that become others.
func (p *planned) plan() (made rewrite.Plan, mapped int64, err error) {
	if made.Large, err = p.largeFiles(); err != nil {
		return made, 0, err
	}
	made.Authors = map[rehome.Identity]rehome.Identity{}
	made.Hashes, made.Submodules = p.options.MapHashes, p.moved
	for _, a := range p.authors {
		if to, ok := becomes(a); ok {
			made.Authors[a.Remote()] = to
		}
	}
	if p.options.MapTrailers && (len(made.Authors) > 0 || p.whole != nil) {
		made.Trailers = p.trailers(made.Authors)
	}
	return made, int64(len(made.Authors)), nil
}

// largeFiles is what the plan says of them; nothing where there are none.
func (p *planned) largeFiles() (rewrite.LargeFiles, error) {
	none := p.large.Match == "" && p.found.LargeFilesKnown && p.found.LargeFiles == 0
	if p.large.stays() || none {
		return rewrite.LargeFiles{}, nil
	}
	return p.large.files()
}

// trailers finds what becomes of an identity in a message: as of the same one in an
// author or committer line, else as the whole map says.
func (p *planned) trailers(mapped map[rehome.Identity]rehome.Identity) func(rehome.Identity) (rehome.Identity, bool) {
	known := make(map[rehome.Identity]bool, len(p.authors))
	for _, a := range p.authors {
		known[a.Remote()] = true
	}
	return func(is rehome.Identity) (rehome.Identity, bool) {
		if known[is] || p.whole == nil {
			to, ok := mapped[is]
			return to, ok
		}
		return p.whole.lookup(0, is)
	}
}

// becomes returns what an author is mapped to, false when to itself. A part that is not
// mapped keeps the source's exact bytes, which may not be the UTF-8 that is shown.
func becomes(a rehome.Author) (rehome.Identity, bool) {
	to, ok := a.Mapped()
	if a.Name == text(a.RemoteName) {
		to.Name = string(a.RemoteName)
	}
	if a.Email == text(a.RemoteMail) {
		to.Mail = string(a.RemoteMail)
	}
	return to, ok
}

// changesNothing reports whether history stays as it is under the plan.
func changesNothing(p rewrite.Plan) bool {
	return len(p.Authors) == 0 && p.Trailers == nil && p.Submodules == nil && largeStay(p)
}

func largeStay(p rewrite.Plan) bool {
	return p.Large.Choice == "" || p.Large.Choice == rehome.LFSUndecided
}
