package git

import (
	"cmp"
	"slices"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/source"
)

// have is what of a source is here before it is fetched. The zero value has nothing.
type have struct {
	lacks   func(object.ID) bool // nil for all
	haves   []object.ID          // to offer, the most telling first
	objects int64
	bytes   int64 // of packs
}

// maxHaves is far more than tell a server anything new.
const maxHaves = 4096

// take gives to the packs of r.Have, where that is of its format, and returns what it has then.
func (p *plan) take(to *repo.Repo, r source.Request) (h have, err error) {
	if r.Have == nil || r.HistoryOnly || r.Have.Format() != to.Format() {
		return have{}, nil
	}
	refs, err := r.Have.Refs()
	if err != nil {
		return have{}, err
	}
	if err := to.Link(r.Have); err != nil {
		return have{}, err
	}
	if h.bytes, err = to.PackBytes(); err != nil {
		return have{}, err
	}
	objects, err := to.Objects()
	if err != nil {
		return have{}, err
	}
	defer objects.Close()
	lacking := map[object.ID]bool{}
	err = pack.Guard(func() error {
		for _, k := range objects.Packs() {
			h.objects += int64(k.Index.Len())
		}
		for _, ref := range p.carried {
			if !objects.Has(ref.ID) {
				lacking[ref.ID] = true
			}
		}
		for _, id := range p.telling(refs) {
			if len(h.haves) == maxHaves {
				break
			}
			if !lacking[id] && objects.Has(id) {
				h.haves = append(h.haves, id)
			}
		}
		return nil
	})
	h.lacks = func(id object.ID) bool { return lacking[id] }
	return h, err
}

// telling orders the ids of refs that are here by what they tell the source, each once: first those that it has moved
// on from, then those that it has still, then those that it may have forgotten; of each the default branch
// and the other branches first.
func (p *plan) telling(refs []repo.Ref) []object.ID {
	now := make(map[string]object.ID, len(p.carried))
	for _, ref := range p.carried {
		now[ref.Name] = ref.ID
	}
	rank := func(ref repo.Ref) int {
		n := 4
		switch {
		case ref.Name == p.head:
			n = 0
		case strings.HasPrefix(ref.Name, "refs/heads/"):
			n = 1
		}
		switch id, there := now[ref.Name]; {
		case !there:
			return 100 + n
		case id == ref.ID:
			return 10 + n
		}
		return n
	}
	refs = slices.Clone(refs)
	slices.SortStableFunc(refs, func(a, b repo.Ref) int { return cmp.Compare(rank(a), rank(b)) })
	seen := make(map[object.ID]bool, len(refs))
	var ids []object.ID
	for _, ref := range refs {
		if !seen[ref.ID] {
			seen[ref.ID] = true
			ids = append(ids, ref.ID)
		}
	}
	return ids
}

// within returns what the limits leave for a pack beside what is here.
func (h have) within(l pack.Limits) pack.Limits {
	if h.lacks == nil {
		return l
	}
	l.Objects = max(cmp.Or(l.Objects, pack.DefaultLimits.Objects)-h.objects, 1)
	l.PackBytes = max(cmp.Or(l.PackBytes, pack.DefaultLimits.PackBytes)-h.bytes, 1)
	return l
}
