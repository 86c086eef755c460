package carry

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
)

// What a commit map may come to.
const (
	maxCommits = 50_000_000
	maxFaults  = 20 // listed at most
)

// Map is a commit map: what each commit of the old history is in the new one. It takes 2 ids and
// 4 to 8 bytes a commit.
type Map struct {
	format object.Format
	pairs  []byte   // old and new id, side by side, in the order of the lines
	byOld  []uint32 // numbers of pairs; nil when the lines were in order
	byNew  []uint32
}

// MapError lists the bad lines of a commit map.
type MapError struct {
	Faults []Fault // in the order of the lines, at least one and at most 20
}

// Fault is what is wrong with a line.
type Fault struct {
	Line int    // from 1
	Text string // the line, fit to show
	Why  string
}

func (e *MapError) Error() string {
	first := e.Faults[0]
	text := fmt.Sprintf("line %d of the commit map %s: %q", first.Line, first.Why, first.Text)
	if more := len(e.Faults) - 1; more > 0 {
		text += fmt.Sprintf(" (%d more bad lines)", more)
	}
	return text
}

func (e *MapError) add(line int, text, why string) {
	if len(e.Faults) < maxFaults {
		e.Faults = append(e.Faults, Fault{line, rehome.Clean(text, 200), why})
	}
}

// ReadMap reads a commit map as rehome and git-filter-repo write it: a line with the words old and new, then
// two ids a line, zeros for a commit that was removed. The order of lines does not matter. The error is a
// *MapError where lines are none.
func ReadMap(r io.Reader) (*Map, error) {
	m, bad := &Map{}, &MapError{}
	lines := bufio.NewScanner(r)
	number := 0
	for len(bad.Faults) < maxFaults && lines.Scan() {
		number++
		line := strings.TrimRight(lines.Text(), "\r")
		if number == 1 {
			if !slices.Equal(strings.Fields(line), []string{"old", "new"}) {
				bad.add(1, line, "is not the line that a commit map begins with, old and new")
				return nil, bad
			}
			continue
		}
		if why := m.take(line); why != "" {
			bad.add(number, line, why)
			m.pairs = append(m.pairs, make([]byte, 2*m.format.Size())...) // keeps numbers and lines together
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		bad.add(number+1, "", "is longer than two ids")
	} else if err != nil {
		return nil, fmt.Errorf("read line %d of the commit map: %w", number+1, err)
	}
	if number == 0 {
		bad.add(1, "", "is missing: the file is empty")
	}
	m.sort()
	m.findTwins(bad)
	if len(bad.Faults) > 0 {
		slices.SortStableFunc(bad.Faults, func(a, b Fault) int { return a.Line - b.Line })
		return nil, bad
	}
	return m, nil
}

// take reads one line, and returns what is wrong with it.
func (m *Map) take(line string) (why string) {
	left, right, _ := strings.Cut(line, " ")
	before, err := object.ParseID(left)
	if err != nil || before.IsZero() {
		return "does not begin with the id of a commit"
	}
	after, err := object.ParseID(right)
	if err != nil || after.Format() != before.Format() {
		return "does not end with an id of the same kind"
	}
	if len(m.pairs) == 0 {
		m.format = before.Format()
	}
	switch {
	case before.Format() != m.format:
		return "is of another object format than those above"
	case m.Len() >= maxCommits:
		return fmt.Sprintf("comes after %d others, which is the most that is read", maxCommits)
	}
	m.pairs = after.AppendTo(before.AppendTo(m.pairs))
	return ""
}

// Len returns the number of commits.
func (m *Map) Len() int { return len(m.pairs) / (2 * m.format.Size()) }

func (m *Map) old(i uint32) []byte {
	at := int(i) * 2 * m.format.Size()
	return m.pairs[at : at+m.format.Size()]
}

func (m *Map) new(i uint32) []byte {
	at := (int(i)*2 + 1) * m.format.Size()
	return m.pairs[at : at+m.format.Size()]
}

// sort fills byOld and byNew.
func (m *Map) sort() {
	numbers := make([]uint32, m.Len())
	for i := range numbers {
		numbers[i] = uint32(i)
	}
	compare := func(id func(uint32) []byte) func(a, b uint32) int {
		return func(a, b uint32) int { return bytes.Compare(id(a), id(b)) }
	}
	if !slices.IsSortedFunc(numbers, compare(m.old)) {
		m.byOld = slices.Clone(numbers)
		slices.SortStableFunc(m.byOld, compare(m.old))
	}
	m.byNew = numbers
	slices.SortFunc(m.byNew, compare(m.new))
}

// findTwins notes lines whose first id another line has as well.
func (m *Map) findTwins(bad *MapError) {
	for k := 1; k < m.Len(); k++ {
		before, i := m.nth(k-1), m.nth(k)
		if id := m.old(i); bytes.Equal(m.old(before), id) && !object.FromBytes(m.format, id).IsZero() {
			bad.add(int(i)+2, object.FromBytes(m.format, id).String(), fmt.Sprintf("names the same commit as line %d", before+2))
		}
	}
}

// nth returns the number of the k-th pair by its old id.
func (m *Map) nth(k int) uint32 {
	if m.byOld == nil {
		return uint32(k)
	}
	return m.byOld[k]
}

// New returns what became of a commit of the old history: zero when it was removed. False: it was none.
func (m *Map) New(old object.ID) (object.ID, bool) {
	if old.Format() != m.format {
		return object.ID{}, false
	}
	want := old.Bytes()
	lo, hi := 0, m.Len()
	for lo < hi {
		mid := (lo + hi) / 2
		if bytes.Compare(m.old(m.nth(mid)), want) < 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == m.Len() || !bytes.Equal(m.old(m.nth(lo)), want) {
		return object.ID{}, false
	}
	return object.FromBytes(m.format, m.new(m.nth(lo))), true
}

// has reports whether a commit is one of the old history.
func (m *Map) has(id object.ID) bool {
	_, ok := m.New(id)
	return ok
}

// isNew reports whether a commit is one of the new history.
func (m *Map) isNew(id object.ID) bool {
	for range m.olds(id) {
		return true
	}
	return false
}

// olds iterates over the commits of the old history that became a commit of the new one.
func (m *Map) olds(id object.ID) iter.Seq[object.ID] {
	return func(yield func(object.ID) bool) {
		if id.Format() != m.format {
			return
		}
		want := id.Bytes()
		k, _ := slices.BinarySearchFunc(m.byNew, want, func(i uint32, want []byte) int { return bytes.Compare(m.new(i), want) })
		for ; k < len(m.byNew) && bytes.Equal(m.new(m.byNew[k]), want); k++ {
			if !yield(object.FromBytes(m.format, m.old(m.byNew[k]))) {
				return
			}
		}
	}
}

// sharesOlds reports whether two maps are of the same old history.
func (m *Map) sharesOlds(other *Map) bool {
	for i := range other.Len() {
		if _, ok := m.New(object.FromBytes(other.format, other.old(uint32(i)))); ok {
			return true
		}
	}
	return false
}
