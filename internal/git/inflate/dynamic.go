package inflate

// preOrder is the order in which the lengths of the first code come (RFC 1951, section 3.2.7).
var preOrder = [numPre]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the codes of a dynamic block.
func (d *Decoder) readTables(s *stream) (tables, error) {
	nlit := int(s.take(5)) + 257
	ndist := int(s.take(5)) + 1
	npre := int(s.take(4)) + 4
	if nlit > maxLit || ndist > maxDist || !d.readPre(s, npre) {
		return tables{}, s.fault()
	}
	litUsed, distUsed, ok := d.readLengths(s, nlit, nlit+ndist)
	if !ok {
		return tables{}, s.fault()
	}
	for i := range distUsed {
		distUsed[i] -= usedSymbol(nlit << 4)
	}
	lit, litOK := d.build(d.lit[:], litUsed, litMeaning[:], litBits)
	dist, distOK := d.build(d.dist[:], distUsed, distMeaning[:], distBits)
	if !litOK || !distOK {
		return tables{}, s.fault()
	}
	return tables{lit: &d.lit, dist: &d.dist, litMask: 1<<lit - 1, distMask: 1<<dist - 1}, nil
}

// readPre reads the n lengths of the code that the other codes' lengths are written in.
// The table it leaves always has the full width.
func (d *Decoder) readPre(s *stream, n int) bool {
	var lens [numPre]uint8
	for i, sym := range preOrder[:n] {
		if i%16 == 0 {
			s.refill()
		}
		lens[sym] = uint8(s.take(3))
	}
	used := d.used[:0]
	for sym, l := range lens {
		if l > 0 {
			used = append(used, usedSymbol(sym<<4)|usedSymbol(l))
		}
	}
	width, ok := d.build(d.pre[:], used, preMeaning[:], preBits)
	for ; width < preBits; width++ {
		copy(d.pre[1<<width:2<<width], d.pre[:1<<width])
	}
	return ok
}

// readLengths reads total code lengths, of which the first nlit belong to literals, and returns
// the symbols that have a code. Distances are numbered on from the literals: they start at nlit.
func (d *Decoder) readLengths(s *stream, nlit, total int) (lit, dist []usedSymbol, ok bool) {
	k, last := 0, usedSymbol(0)
	for i := 0; i < total; {
		if s.n < preBits+7 {
			s.refill()
		}
		e := d.pre[s.bits&(1<<preBits-1)]
		s.take(e.drop())
		sym, rep := usedSymbol(e>>16), 1
		switch {
		case sym < 16 && e&special == 0:
			last = sym
		case e&special != 0 || sym == 16 && i == 0:
			return nil, nil, false
		case sym == 16:
			rep = 3 + int(s.take(2))
		case sym == 17:
			rep, last = 3+int(s.take(3)), 0
		default:
			rep, last = 11+int(s.take(7)), 0
		}
		if rep > total-i {
			return nil, nil, false
		}
		if last == 0 {
			i += rep
			continue
		}
		for range rep {
			d.used[k] = usedSymbol(i<<4) | last
			i++
			k++
		}
	}
	split := k
	for split > 0 && int(d.used[split-1]>>4) >= nlit {
		split--
	}
	return d.used[:split], d.used[split:k], true
}
