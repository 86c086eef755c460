package importer

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"rehome"
	"rehome/internal/survey"
)

// people are the identities in a raw repository, so that they can be counted when it is added to: the rows of authors know all
// that ever came, also with refs that are left out by now. Each is personBytes of a SHA-256, in order.
type people []byte

const personBytes = 16

func peopleOf(all []survey.Identity) people {
	var sums [][]byte
	for _, i := range all {
		sum := sha256.Sum256(slices.Concat(i.Name, []byte{0}, i.Mail))
		sums = append(sums, sum[:personBytes])
	}
	slices.SortFunc(sums, bytes.Compare)
	return bytes.Join(sums, nil)
}

// and adds more to those in what was known before; nil where these were not kept.
func (p people) and(more people, before facts) people {
	if len(p) == 0 && before.Commits > 0 {
		return nil
	}
	sums := slices.Collect(slices.Chunk(slices.Concat(p, more), personBytes))
	slices.SortFunc(sums, func(a, b people) int { return bytes.Compare(a, b) })
	sums = slices.CompactFunc(sums, func(a, b people) bool { return bytes.Equal(a, b) })
	return slices.Concat(sums...)
}

func (p people) count() int64 { return int64(len(p) / personBytes) }

// identities counts those of the commits that were pushed; all that ever came, where these were not counted.
func (p *proof) identities(found rehome.Found) int64 {
	if p.Commits == 0 {
		return 0
	}
	return cmp.Or(p.Identities, found.Authors)
}
