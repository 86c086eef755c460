package repo

import "rehome/internal/git/object"

// peeler finds what annotated tags stand for.
type peeler struct{}

func (r *Repo) newPeeler() (*peeler, error) { return &peeler{}, nil }

func (p *peeler) close() {}

// peel returns what id stands for in the end when it is an annotated tag, zero otherwise.
func (p *peeler) peel(id object.ID) (peeled object.ID, known bool) { return id.Format().Zero(), false }

// apply returns what refs are after changes; both are sorted by name.
func (p *peeler) apply(refs []packedRef, changes []Update) ([]packedRef, error) {
	after := make([]packedRef, 0, len(refs)+len(changes))
	for _, u := range changes {
		i, found := findPacked(refs, u.Name)
		after = append(after, refs[:i]...)
		refs = refs[i:]
		if found {
			refs = refs[1:]
		}
		if u.New.IsZero() {
			continue
		}
		peeled, known := p.peel(u.New)
		after = append(after, packedRef{Ref: Ref{Name: u.Name, ID: u.New, Peeled: peeled}, peels: known})
	}
	return append(after, refs...), nil
}
