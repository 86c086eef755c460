package deflate

// The symbols that describe code lengths after 0 to 15, which stand for themselves (RFC 1951, section 3.2.7).
const (
	again      = 16 // the length before, 3 to 6 times more; 2 bits follow
	zeros      = 17 // 3 to 10 symbols without a code; 3 bits follow
	manyZeros  = 18 // 11 to 138 of them; 7 bits follow
	preSymbols = 19
	preLongest = 7
)

// preOrder is the order in which the lengths of their own code stand.
var preOrder = [preSymbols]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// preToken is a symbol and what the bits after it say.
type preToken struct {
	symbol, bits, more uint8
}

// description is how the lengths of the two codes stand before a block.
type description struct {
	size   [preSymbols]uint8 // of the code for tokens
	tokens []preToken
}

// describe takes the code lengths of all symbols, those of distances last.
func describe(size *[symbols]uint8) description {
	d := description{tokens: make([]preToken, 0, symbols)}
	for rest := size[:]; len(rest) > 0; {
		run := 1
		for run < len(rest) && rest[run] == rest[0] {
			run++
		}
		d.run(rest[0], run)
		rest = rest[run:]
	}
	var counts [preSymbols]uint32
	for _, t := range d.tokens {
		counts[t.symbol]++
	}
	huffman(d.size[:], counts[:], preLongest)
	return d
}

// run adds n symbols with one length.
func (d *description) run(length uint8, n int) {
	symbol, least, most, more := uint8(again), 3, 6, uint8(2)
	if length == 0 {
		symbol, least, most, more = manyZeros, 11, 138, 7
	} else {
		d.tokens = append(d.tokens, preToken{symbol: length})
		n--
	}
	for n >= least {
		k := min(n, most)
		d.tokens = append(d.tokens, preToken{symbol, uint8(k - least), more})
		n -= k
	}
	if length == 0 && n >= 3 {
		d.tokens = append(d.tokens, preToken{zeros, uint8(n - 3), 3})
		n = 0
	}
	for range n {
		d.tokens = append(d.tokens, preToken{symbol: length})
	}
}

// fields returns how many of the code's lengths have to be given.
func (d *description) fields() int {
	n := preSymbols
	for n > 4 && d.size[preOrder[n-1]] == 0 {
		n--
	}
	return n
}

// bits returns how long the description is.
func (d *description) bits() int {
	n := 5 + 5 + 4 + 3*d.fields()
	for _, t := range d.tokens {
		n += int(d.size[t.symbol] + t.more)
	}
	return n
}

// runs returns the description itself.
func (d *description) runs() []bitRun {
	var r []bitRun
	put := func(bits uint64, n uint) {
		if len(r) == 0 || r[len(r)-1].n+n > 48 {
			r = append(r, bitRun{})
		}
		last := &r[len(r)-1]
		last.bits |= bits << last.n
		last.n += n
	}
	fields := d.fields()
	put(litSymbols-endSymbol-1, 5)
	put(distSymbols-1, 5)
	put(uint64(fields-4), 4)
	for _, s := range preOrder[:fields] {
		put(uint64(d.size[s]), 3)
	}
	codes := canonical(d.size[:])
	for _, t := range d.tokens {
		c := codes[t.symbol].then(uint32(t.bits), t.more)
		put(uint64(c>>8), c.size())
	}
	return r
}
