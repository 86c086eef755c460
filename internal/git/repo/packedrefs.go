package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"rehome/internal/git/object"
)

// maxPackedRefs bounds packed-refs: some five million refs.
const maxPackedRefs = 512 << 20

// packedRef is one entry of packed-refs.
type packedRef struct {
	Ref
	peels bool // Peeled is right: the target of an annotated tag, or zero because the ref is none
}

// The header's words say what a reader may rely on (gitrepository-layout, "packed-refs"):
// fully-peeled promises a peeled line for every annotated tag.
const (
	packedHeader = "# pack-refs with:"
	packedPeeled = packedHeader + " peeled fully-peeled sorted \n"
	packedSorted = packedHeader + " sorted \n"
)

// parsePackedRefs reads packed-refs. What it returns is sorted by name, without duplicates.
func parsePackedRefs(text string, f object.Format) ([]packedRef, error) {
	refs := make([]packedRef, 0, len(text)/64)
	fully := false
	for number := 1; text != ""; number++ {
		line, rest, ended := strings.Cut(text, "\n")
		if !ended {
			return nil, fmt.Errorf("line %d of packed-refs is cut off", number)
		}
		text = rest
		if strings.HasPrefix(line, "#") {
			words, ok := strings.CutPrefix(line, packedHeader)
			fully = fully || ok && slices.Contains(strings.Fields(words), "fully-peeled")
			continue
		}
		var err error
		if refs, err = appendPacked(refs, line, f); err != nil {
			return nil, fmt.Errorf("line %d of packed-refs: %w", number, err)
		}
		refs[len(refs)-1].peels = fully || line[0] == '^'
	}
	return sortPacked(refs)
}

// appendPacked adds what one line says to refs, which is longer than before or has a new Peeled.
func appendPacked(refs []packedRef, line string, f object.Format) ([]packedRef, error) {
	digits, name, named := strings.Cut(line, " ")
	peeled := strings.HasPrefix(digits, "^")
	id, err := object.ParseID(strings.TrimPrefix(digits, "^"))
	if err != nil {
		return nil, err
	}
	switch {
	case id.Format() != f || id.IsZero():
		return nil, fmt.Errorf("%q is no %s object id", digits, f)
	case peeled && (named || len(refs) == 0 || !refs[len(refs)-1].Peeled.IsZero()):
		return nil, errors.New("peeled id without its ref")
	case peeled:
		refs[len(refs)-1].Peeled = id
		return refs, nil
	case !named || !validRef(name):
		return nil, fmt.Errorf("bad ref name %q", name)
	}
	return append(refs, packedRef{Ref: Ref{Name: name, ID: id, Peeled: f.Zero()}}), nil
}

func sortPacked(refs []packedRef) ([]packedRef, error) {
	byName := func(a, b packedRef) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(refs, byName) {
		slices.SortFunc(refs, byName)
	}
	for i := 1; i < len(refs); i++ {
		if refs[i].Name == refs[i-1].Name {
			return nil, fmt.Errorf("packed-refs has %q twice", refs[i].Name)
		}
	}
	return refs, nil
}

// formatPackedRefs is the inverse of parsePackedRefs for sorted refs.
func formatPackedRefs(refs []packedRef) []byte {
	header := packedPeeled
	if slices.ContainsFunc(refs, func(r packedRef) bool { return !r.peels }) {
		header = packedSorted
	}
	var b bytes.Buffer
	b.WriteString(header)
	for _, r := range refs {
		b.WriteString(r.ID.String())
		b.WriteByte(' ')
		b.WriteString(r.Name)
		b.WriteByte('\n')
		if !r.Peeled.IsZero() {
			b.WriteByte('^')
			b.WriteString(r.Peeled.String())
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// packedRefs reads the repository's packed-refs; a missing file has none.
func (r *Repo) packedRefs() ([]packedRef, error) {
	text, err := readBounded(r.path("packed-refs"), maxPackedRefs)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parsePackedRefs(string(text), r.format)
}
