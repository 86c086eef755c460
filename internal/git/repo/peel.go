package repo

import (
	"fmt"

	"rehome/internal/git/object"
)

// LostTargetError reports an annotated tag that names an object which the repository does not have.
type LostTargetError struct{ Tag, Object object.ID }

func (e *LostTargetError) Error() string {
	return fmt.Sprintf("tag %s names %s: %v", e.Tag, e.Object, ErrNoObject)
}

// Unwrap returns ErrNoObject.
func (e *LostTargetError) Unwrap() error { return ErrNoObject }

// peeler finds what annotated tags stand for.
type peeler struct {
	objects *Objects
	known   map[object.ID]object.ID // of tags
}

func (r *Repo) newPeeler() (*peeler, error) {
	objects, err := r.Objects()
	if err != nil {
		return nil, err
	}
	return &peeler{objects: objects, known: map[object.ID]object.ID{}}, nil
}

func (p *peeler) close() { p.objects.Close() }

// peel returns what id stands for in the end when it is an annotated tag, zero otherwise.
// Tags of tags are followed once, however many refs lead into their row.
func (p *peeler) peel(id object.ID) (object.ID, error) {
	var tags []object.ID
	end := id
	for {
		if peeled, ok := p.known[end]; ok {
			end = peeled
			break
		}
		t, err := p.objects.Type(end)
		if err != nil {
			return object.ID{}, err
		}
		if t != object.Tag {
			break
		}
		tags = append(tags, end)
		if end, err = p.objects.tagged(end); err != nil {
			return object.ID{}, err
		}
		if !p.objects.Has(end) {
			return object.ID{}, &LostTargetError{Tag: tags[len(tags)-1], Object: end}
		}
	}
	for _, tag := range tags {
		p.known[tag] = end
	}
	if end == id {
		return id.Format().Zero(), nil
	}
	return end, nil
}

// tagged returns what the tag object id names.
func (o *Objects) tagged(id object.ID) (object.ID, error) {
	_, data, err := o.Read(id)
	if err != nil {
		return object.ID{}, err
	}
	tag, _ := object.ParseTag(id.Format(), data)
	if tag.Object.IsZero() {
		return object.ID{}, fmt.Errorf("tag %s names no object", id)
	}
	return tag.Object, nil
}

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
		peeled, err := p.peel(u.New)
		if err != nil {
			return nil, fmt.Errorf("ref %q: %w", u.Name, err)
		}
		after = append(after, packedRef{Ref: Ref{Name: u.Name, ID: u.New, Peeled: peeled}, peels: true})
	}
	return append(after, refs...), nil
}
