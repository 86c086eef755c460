package survey

import (
	"bytes"
	"hash/maphash"
	"slices"

	"rehome/internal/git/object"
)

// scattered looks for equal names in a tree that is not sorted, where they need not be neighbours. It names the first that
// comes again. Beside the tree it takes eight bytes for each entry: there may be millions.
func (t *treeWalk) scattered() {
	seed, n := maphash.MakeSeed(), 0
	for range t.names {
		n++
	}
	sums := make([]uint64, 0, n)
	for name := range t.names {
		sums = append(sums, maphash.Bytes(seed, name))
	}
	slices.Sort(sums)
	twice := sums[:0] // the sums that are there more than once
	for i := 1; i < n; i++ {
		if sum := sums[i]; sum == sums[i-1] && (len(twice) == 0 || twice[len(twice)-1] != sum) {
			twice = append(twice, sum)
		}
	}
	if len(twice) == 0 {
		return
	}
	for name := range t.names {
		if _, found := slices.BinarySearch(twice, maphash.Bytes(seed, name)); found && t.count(name) > 1 {
			t.fault(object.DuplicateEntries, name)
			return
		}
	}
}

// names yields the names of the entries, up to one that cannot be read.
func (t *treeWalk) names(yield func([]byte) bool) {
	for e, err := range object.Entries(t.format, t.data) {
		if err != nil || !yield(e.Name) {
			return
		}
	}
}

// count returns how many entries have a name.
func (t *treeWalk) count(name []byte) (n int) {
	for other := range t.names {
		if bytes.Equal(name, other) {
			n++
		}
	}
	return n
}
