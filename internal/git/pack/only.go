package pack

import (
	"slices"

	"rehome/internal/git/object"
)

// Only reports whether all objects of the pack are of the given types. A delta has the type of
// its base, which is in the same pack, so that entries stored whole tell it.
func (p *Pack) Only(types ...object.Type) (bool, error) {
	for i := range p.Index.Len() {
		at := p.Index.Offset(i)
		if at < packHeader || at >= int64(len(p.bytes)) {
			return false, corrupt("entry at byte %d of %d", at, len(p.bytes))
		}
		h, ok, err := decodeHeader(p.bytes[at:], p.Index.format)
		if err != nil {
			return false, err
		}
		if !ok {
			return false, corrupt("entry header at byte %d is cut off", at)
		}
		if h.typ.Valid() && !slices.Contains(types, h.typ) {
			return false, nil
		}
	}
	return true, nil
}
