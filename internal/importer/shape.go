package importer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"rehome"
	"rehome/internal/survey"
)

// Shape returns what the history of the repository's import looks like from afar, as the last raw step found it, with what its authors are mapped
// to by now. NotFound without an import, before its first raw step ended, and where that was before shapes were kept: until
// all of it was fetched once more.
func (m *Importer) Shape(ctx context.Context, repositoryID int64) (rehome.Shape, error) {
	i, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return rehome.Shape{}, err
	}
	body, err := m.DB.Shape(ctx, i.ID)
	if err != nil {
		return rehome.Shape{}, err
	}
	s, err := decodeShape(body)
	if err != nil {
		return rehome.Shape{}, fmt.Errorf("read shape of the history: %w", err)
	}
	who := make([]rehome.Identity, 0, len(s.Authors))
	for _, a := range s.Authors {
		who = append(who, a.Identity)
	}
	to, err := m.DB.Mapped(ctx, i.ID, who)
	if err != nil {
		return rehome.Shape{}, err
	}
	for n := range s.Authors {
		a := &s.Authors[n]
		a.Becomes = a.Identity
		if now, ok := to[a.Identity]; ok {
			a.Becomes = now
		}
	}
	return s, nil
}

// joinShape adds what came to the shape that was known before, as it was written down; nil where one of them is not known.
func joinShape(before []byte, more *rehome.Shape) *rehome.Shape {
	known, err := decodeShape(before)
	if err != nil || more == nil { // of a version that kept none, or wrote it in another way
		return nil
	}
	sum := survey.FitShape(survey.JoinShapes(known, *more), survey.Kept)
	return &sum
}

// shownShape is what rows keep of a shape, less than a MiB; nil where it is not known.
func shownShape(s *rehome.Shape) []byte {
	if s == nil {
		return nil
	}
	shown := survey.FitShape(*s, survey.Shown)
	return encodeShape(&shown)
}

// shapeVersion is how a shape is written: numbers as uvarints, names and paths as their length and bytes. docs/formats.md has it.
const shapeVersion = 1

func encodeShape(s *rehome.Shape) []byte {
	b := append([]byte(nil), shapeVersion)
	number := func(n int64) { b = binary.AppendUvarint(b, uint64(n)) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }
	months := func(list []rehome.MonthCommits) {
		number(int64(len(list)))
		last := int32(0)
		for _, m := range list {
			number(int64(m.Month - last))
			number(m.Commits)
			last = m.Month
		}
	}
	number(s.Undated)
	number(s.Rest.Identities)
	months(s.Rest.Months)
	number(int64(len(s.Authors)))
	for _, a := range s.Authors {
		text(a.Name)
		text(a.Mail)
		months(a.Months)
	}
	number(int64(len(s.Folders)))
	for _, f := range s.Folders {
		text(f.Path)
		number(f.Bytes)
		number(f.Files)
	}
	return b
}

var errShape = errors.New("it is not one that this version writes")

// decodeShape reads what encodeShape wrote.
func decodeShape(b []byte) (rehome.Shape, error) {
	if len(b) == 0 || b[0] != shapeVersion {
		return rehome.Shape{}, errShape
	}
	r := shapeReader{rest: b[1:]}
	s := rehome.Shape{Undated: r.number()}
	s.Rest = rehome.MonthsOfMany{Identities: r.number(), Months: r.months()}
	for range r.count() {
		s.Authors = append(s.Authors, rehome.AuthorMonths{Identity: rehome.Identity{Name: r.text(), Mail: r.text()}, Months: r.months()})
	}
	for range r.count() {
		s.Folders = append(s.Folders, rehome.FolderBytes{Path: r.text(), Bytes: r.number(), Files: r.number()})
	}
	if r.bad || len(r.rest) > 0 {
		return rehome.Shape{}, errShape
	}
	return s, nil
}

// shapeReader reads what is left of a shape; bad once something was not there.
type shapeReader struct {
	rest []byte
	bad  bool
}

func (r *shapeReader) number() int64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || int64(v) < 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return int64(v)
}

// count is how many of something follow: each takes a byte at least.
func (r *shapeReader) count() int {
	n := r.number()
	if n > int64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return 0
	}
	return int(n)
}

func (r *shapeReader) text() string {
	n := r.count()
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

func (r *shapeReader) months() []rehome.MonthCommits {
	n := r.count()
	list := make([]rehome.MonthCommits, 0, n/2)
	month := int64(0)
	for range n {
		more := r.number()
		if more > maxMonth-month {
			r.bad = true
			return nil
		}
		month += more
		list = append(list, rehome.MonthCommits{Month: int32(month), Commits: r.number()})
	}
	return list
}

// maxMonth is December 9999, as rehome.MonthCommits counts.
const maxMonth = (9999-1970)*12 + 11
