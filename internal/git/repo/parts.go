package repo

import (
	"rehome/internal/compute"
	"rehome/internal/git/pack"
)

// Parts returns what of the opened packs of those names a pack.Outgoing is made from: all entries but those whose id except
// reports; nil is for none. What has none left is not among them, and neither is a name that is not open.
func (o *Objects) Parts(names []string, except func(id []byte) bool) []pack.Part {
	var parts []pack.Part
	for _, name := range names {
		p := o.Pack(name)
		if p == nil {
			continue
		}
		if only, n := without(p, except); n > 0 {
			parts = append(parts, pack.Part{Pack: p, Only: only})
		}
	}
	return parts
}

// without returns what is left of a pack, nil for all of it, and how many objects that are.
func without(p *pack.Pack, except func(id []byte) bool) (only pack.Chosen, n int) {
	all := p.Index.Len()
	if except == nil {
		return nil, all
	}
	turn := compute.Take()
	defer turn.Give()
	only = pack.NewChosen(all)
	for i := range all {
		turn.Pass()
		if !except(p.Index.IDBytes(i)) {
			only.Add(i)
			n++
		}
	}
	if n == all {
		return nil, n
	}
	return only, n
}
