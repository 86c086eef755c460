package deflate

import "math"

// longest is the longest code given out: with four of them, and seven bits before, a word is full.
const longest = 14

// fit looks for the code lengths that make blocks short together with the description of
// the codes, for which it is good when neighbours share a length. For given prices (of a bit of
// the description, and of a share of the code space) the best lengths are found exactly, as the
// shortest way from the first symbol to the last; several prices are tried.
type fit struct {
	counts *[symbols]int64 // in all blocks; a symbol with none gets no code
	blocks int64
	pre    [preSymbols]int64               // price of describing by each symbol, bits
	sums   [longest + 1][symbols + 1]int64 // price of giving the first so many symbols that length
	price  [symbols + 1][longest + 1]int64 // of the best way to so many symbols, the last one with that length
	steps  [symbols + 1][longest + 1]step  // the last step on that way
}

// step gives the last run of symbols their length, after others of which the last one has length before.
type step struct{ run, before uint8 }

// never is a price that is not paid, but can be added up.
const never = math.MaxInt64 / (4 * symbols)

// fitted returns the lengths for symbols that occur so often in so many blocks.
func fitted(counts *[symbols]int64, blocks int64) (best [symbols]uint8) {
	f := &fit{counts: counts, blocks: blocks}
	for s := range f.pre {
		f.pre[s] = 4
	}
	least := int64(math.MaxInt64)
	for range 2 {
		var pre [preSymbols]uint8
		for percent := int64(80); percent <= 120; percent += 10 {
			f.space(percent)
			size := f.shortest()
			complete(size[:litSymbols], counts[:litSymbols])
			complete(size[litSymbols:], counts[litSymbols:])
			d := describe(&size)
			if total := blocks*int64(d.bits()) + body(&size, counts); total < least {
				least, best, pre = total, size, d.size
			}
		}
		if pre == [preSymbols]uint8{} {
			break
		}
		for s, n := range pre {
			f.pre[s] = int64(n)
			if n == 0 {
				f.pre[s] = preLongest
			}
		}
	}
	return best
}

// body returns how many bits the codes of so many symbols take.
func body(size *[symbols]uint8, counts *[symbols]int64) (n int64) {
	for s, k := range counts {
		n += k * int64(size[s])
	}
	return n
}

// space sets the prices of code space, in percent of those at which codes fill it without descriptions.
func (f *fit) space(percent int64) {
	var total [2]int64
	for s, n := range f.counts {
		total[s/litSymbols] += n
	}
	for s, n := range f.counts {
		whole := total[s/litSymbols] * percent / 69 // 0.69 is ln 2
		for l := range f.sums {
			p := n*int64(l) + whole>>l
			switch {
			case (l == 0) != (n == 0):
				p = never
			case l == 0:
				p = 0
			}
			f.sums[l][s+1] = f.sums[l][s] + p
		}
	}
}

// shortest returns the lengths with the lowest price.
func (f *fit) shortest() (size [symbols]uint8) {
	for s := range f.price {
		for l := range f.price[s] {
			f.price[s][l] = math.MaxInt64 / 2
		}
	}
	f.price[0][0] = 0
	for at := range symbols {
		f.leave(at)
	}
	l := f.cheapest(symbols)
	for at := symbols; at > 0; {
		st := f.steps[at][l]
		for range st.run {
			at--
			size[at] = l
		}
		l = st.before
	}
	return size
}

// leave tries each step from the symbols before at.
func (f *fit) leave(at int) {
	before := f.cheapest(at)
	for l := range uint8(longest + 1) {
		f.try(at, step{1, before}, l, f.pre[l])
	}
	for l := uint8(1); l <= longest && at > 0; l++ {
		for run := uint8(3); run <= 6; run++ {
			f.try(at, step{run, l}, l, f.pre[again]+2)
		}
	}
	if f.counts[at] != 0 {
		return
	}
	run := 1
	for run < 138 && at+run < symbols && f.counts[at+run] == 0 {
		run++
	}
	switch {
	case run > 10:
		f.try(at, step{uint8(run), before}, 0, f.pre[manyZeros]+7)
	case run > 2:
		f.try(at, step{uint8(run), before}, 0, f.pre[zeros]+3)
	}
}

// try keeps a step to length l if it is on the best way so far.
func (f *fit) try(at int, st step, l uint8, bits int64) {
	to := at + int(st.run)
	if to > symbols {
		return
	}
	price := f.price[at][st.before] + f.sums[l][to] - f.sums[l][at] + bits*f.blocks
	if price < f.price[to][l] {
		f.price[to][l], f.steps[to][l] = price, st
	}
}

// cheapest returns the length of the last of so many symbols on the best way.
func (f *fit) cheapest(at int) uint8 {
	best := 0
	for l, p := range f.price[at] {
		if p < f.price[at][best] {
			best = l
		}
	}
	return uint8(best)
}

// complete changes lengths, where it costs little, until they make a code with nothing left over,
// as RFC 1951 wants it.
func complete(size []uint8, counts []int64) {
	free := 1 << longest
	for _, l := range size {
		free -= 1 << longest >> l & (1<<longest - 1)
	}
	for free < 0 {
		s := dearest(size, func(s int) bool { return size[s] < longest }, func(s int) int64 { return -counts[s] << size[s] })
		size[s]++
		free += 1 << longest >> size[s]
	}
	for free > 0 {
		s := dearest(size, func(s int) bool { return size[s] > 1 && 1<<longest>>size[s] <= free }, func(s int) int64 { return counts[s] << size[s] })
		free -= 1 << longest >> size[s]
		size[s]--
	}
}

// dearest returns the symbol of the highest worth among those that have a code and fit.
func dearest(size []uint8, fits func(s int) bool, worth func(s int) int64) int {
	best := -1
	for s, l := range size {
		if l > 0 && fits(s) && (best < 0 || worth(s) > worth(best)) {
			best = s
		}
	}
	return best
}
