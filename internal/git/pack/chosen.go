package pack

import (
	"iter"
	"math/bits"
)

// Chosen is a set of a pack's objects: a bit for each, by its number in the order of ids.
type Chosen []uint64

// NewChosen returns an empty set for a pack of n objects.
func NewChosen(n int) Chosen { return make(Chosen, (n+63)/64) }

// Add puts the i-th object into the set, which was made for it.
func (c Chosen) Add(i int) { c[i>>6] |= 1 << (i & 63) }

// Remove takes the i-th object out of the set.
func (c Chosen) Remove(i int) {
	if i>>6 < len(c) {
		c[i>>6] &^= 1 << (i & 63)
	}
}

// Has reports whether the i-th object is in the set.
func (c Chosen) Has(i int) bool { return i>>6 < len(c) && c[i>>6]&(1<<(i&63)) != 0 }

// Len returns how many objects there are in the set.
func (c Chosen) Len() (n int) {
	for _, word := range c {
		n += bits.OnesCount64(word)
	}
	return n
}

// All yields the objects of the set, in the order of ids.
func (c Chosen) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for k, word := range c {
			for ; word != 0; word &= word - 1 {
				if !yield(k<<6 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// within returns the set without what lies outside a pack of n objects, as memory of its own.
func (c Chosen) within(n int) Chosen {
	in := NewChosen(n)
	copy(in, c)
	if n&63 != 0 {
		in[len(in)-1] &= 1<<(n&63) - 1
	}
	return in
}
