package deflate

import "math/bits"

// The symbols of RFC 1951, section 3.2.5.
const (
	endSymbol    = 256 // ends a block
	lengthSymbol = 257 // the first of the 29 for lengths
	litSymbols   = 286 // bytes, end of block, lengths
	distSymbols  = 30
	symbols      = litSymbols + distSymbols

	minMatch = 4 // the format has 3, which hardly pays
	maxMatch = 258
	window   = 1 << 15
)

// lengthBits and distBits say how many more bits follow each symbol for a length or a distance.
var (
	lengthBits = [litSymbols - lengthSymbol]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBits   = [distSymbols + 2]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// lengthSymbols gives for each length its symbol less lengthSymbol, and lengthStart the first length of each symbol.
var lengthSymbols, lengthStart = spreadLengths()

func spreadLengths() (symbol [maxMatch + 1]uint8, start [litSymbols - lengthSymbol]uint16) {
	at := 3
	for s, extra := range lengthBits {
		start[s] = uint16(at)
		for range 1 << extra {
			symbol[min(at, maxMatch)] = uint8(s)
			at++
		}
		if s == len(lengthBits)-2 {
			at = maxMatch // it has a symbol of its own, the last one
		}
	}
	return symbol, start
}

// distSymbol returns the symbol of a distance less one, 0 to 32,767.
func distSymbol(less uint32) uint32 {
	if less < 2 {
		return less
	}
	top := uint32(bits.Len32(less)) - 1
	return 2*top + less>>((top-1)&31)&1
}
