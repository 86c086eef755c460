package repo

import (
	"fmt"
	"slices"
	"strings"

	"rehome/internal/git/object"
)

// Ref is a name under refs/ and the object it stands for.
type Ref struct {
	Name   string
	ID     object.ID
	Peeled object.ID // what an annotated tag stands for in the end; zero when the ref is no tag object, or when that is not known
}

// Refs returns all refs, sorted by name. Symbolic refs have the id of what they name;
// those that name nothing are left out. While another process writes, single refs are
// right but may be from before and after its transaction.
func (r *Repo) Refs() ([]Ref, error) {
	all, err := r.readRefs()
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	return all.merged(), nil
}

// refState is every ref of a repository as it is stored.
type refState struct {
	loose  map[string]looseRef
	packed []packedRef // sorted
}

// readRefs reads loose before packed: whatever is packed in between is then seen twice, not missed.
func (r *Repo) readRefs() (refState, error) {
	loose, err := r.looseRefs()
	if err != nil {
		return refState{}, err
	}
	packed, err := r.packedRefs()
	return refState{loose, packed}, err
}

// find returns the id of a ref, following symbolic refs as far as git does.
func (s refState) find(name string) (Ref, bool) {
	for range 5 {
		ref, ok := s.loose[name]
		if !ok {
			i, ok := findPacked(s.packed, name)
			if !ok {
				return Ref{}, false
			}
			return s.packed[i].Ref, true
		}
		if ref.target == "" {
			return Ref{Name: name, ID: ref.id, Peeled: ref.id.Format().Zero()}, true
		}
		name = ref.target
	}
	return Ref{}, false
}

func (s refState) merged() []Ref {
	refs := make([]Ref, 0, len(s.packed)+len(s.loose))
	for _, p := range s.packed {
		if _, shadowed := s.loose[p.Name]; !shadowed {
			refs = append(refs, p.Ref)
		}
	}
	for name := range s.loose {
		if ref, ok := s.find(name); ok {
			ref.Name = name
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

// Symbolic returns the refs that name others, each with the name it holds. HEAD is none of them.
func (r *Repo) Symbolic() (map[string]string, error) {
	loose, err := r.looseRefs()
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	found := map[string]string{}
	for name, ref := range loose {
		if ref.target != "" {
			found[name] = ref.target
		}
	}
	return found, nil
}

// findPacked returns where name is or would be.
func findPacked(refs []packedRef, name string) (int, bool) {
	return slices.BinarySearchFunc(refs, name, func(r packedRef, name string) int { return strings.Compare(r.Name, name) })
}

// Head returns the ref HEAD names, such as refs/heads/main, whether that exists or not;
// "" when HEAD names an object.
func (r *Repo) Head() (string, error) {
	head, err := r.readLoose("HEAD")
	if err != nil {
		return "", fmt.Errorf("read HEAD: %w", err)
	}
	return head.target, nil
}

// SetHead makes HEAD name the ref target, which need not exist.
func (r *Repo) SetHead(target string) error {
	if !validRef(target) {
		return fmt.Errorf("set HEAD: bad ref name %q", target)
	}
	err := retryLocked(func() error { return r.replace("HEAD", []byte("ref: "+target+"\n")) })
	if err != nil {
		return fmt.Errorf("set HEAD: %w", err)
	}
	return nil
}
