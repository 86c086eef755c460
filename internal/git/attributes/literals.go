package attributes

import "slices"

// literals finds the lines whose patterns are for a path that is known, or for a known name or end of one.
type literals struct {
	paths, names, tails map[string][]int32 // numbers of lines, ascending
	sizes               []int              // the lengths that tails has
}

// add takes in the pattern of a line; false says that it is none of these.
func (l *literals) add(p *pattern, number int32) bool {
	to := &l.paths
	switch {
	case len(p.steps) > 0:
		return false
	case p.tail:
		to = &l.tails
		if !slices.Contains(l.sizes, len(p.whole)) {
			l.sizes = append(l.sizes, len(p.whole))
		}
	case p.base:
		to = &l.names
	}
	if *to == nil {
		*to = map[string][]int32{}
	}
	(*to)[p.whole] = append((*to)[p.whole], number)
	return true
}

// find appends the lines for a path, whose last part is base, the last one first.
func (l *literals) find(found []int32, path, base []byte) []int32 {
	found = append(append(found, l.paths[string(path)]...), l.names[string(base)]...)
	for _, size := range l.sizes {
		if size <= len(base) {
			found = append(found, l.tails[string(base[len(base)-size:])]...)
		}
	}
	slices.SortFunc(found, func(a, b int32) int { return int(b - a) })
	return found
}
