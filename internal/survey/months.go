package survey

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"time"

	"rehome"
)

// maxCells bounds the memory for who committed when to some 20 MB. Linux has less than half as many.
const maxCells = 512 << 10

// months counts commits by who wrote them and the month. Its zero value is empty; it is for one goroutine at a time.
type months struct {
	cells   map[cell]uint32
	most    int             // cells; 0 is maxCells
	rest    map[int32]int64 // commits by month for which there was no cell
	late    map[int]bool    // who made those; as many as there are people at most
	undated int64
}

// cell is a month of a person: the number in the upper half, the month in the lower.
type cell uint64

func (c cell) who() int     { return int(c >> 32) }
func (c cell) month() int32 { return int32(uint32(c)) }

// add counts a commit that has a date; who is the number of its author.
func (m *months) add(who int, at int64) {
	if m.cells == nil {
		m.cells, m.rest, m.late = map[cell]uint32{}, map[int32]int64{}, map[int]bool{}
	}
	month := monthOf(at)
	c := cell(who)<<32 | cell(month)
	if n, ok := m.cells[c]; ok || len(m.cells) < m.limit() {
		m.cells[c] = n + 1
		return
	}
	m.rest[month]++
	m.late[who] = true
}

func (m *months) limit() int {
	if m.most > 0 {
		return m.most
	}
	return maxCells
}

// monthOf is the month of a time, as rehome.MonthCommits counts them.
func monthOf(at int64) int32 {
	year, month, _ := time.Unix(at, 0).UTC().Date()
	return int32(year-1970)*12 + int32(month) - 1
}

// tally is what one person has in the cells, in their order: those from a place up to another.
type tally struct {
	from, to int
	commits  int64
}

// shape returns what was counted, with no more than most authors: those with most commits who have a cell, in no order. What nobody had a cell
// for, and the others, are of everybody else. people are all there are, by number; of whom is summed up nothing is copied.
func (m *months) shape(people []Identity, most int) rehome.Shape {
	s := rehome.Shape{Undated: m.undated}
	cells := slices.Sorted(maps.Keys(m.cells))
	all := m.tallies(cells)
	if len(all) > most {
		slices.SortFunc(all, func(a, b tally) int {
			one, other := people[cells[a.from].who()], people[cells[b.from].who()]
			return cmp.Or(cmp.Compare(b.commits, a.commits), bytes.Compare(one.Name, other.Name), bytes.Compare(one.Mail, other.Mail))
		})
		s.Rest.Identities = int64(len(all) - most)
		for _, t := range all[most:] {
			for _, c := range cells[t.from:t.to] {
				m.rest[c.month()] += int64(m.cells[c])
			}
		}
		all = all[:most]
	}
	s.Authors = make([]rehome.AuthorMonths, 0, len(all))
	for _, t := range all {
		who := people[cells[t.from].who()]
		one := rehome.AuthorMonths{Identity: rehome.Identity{Name: string(who.Name), Mail: string(who.Mail)}, Months: make([]rehome.MonthCommits, 0, t.to-t.from)}
		for _, c := range cells[t.from:t.to] {
			one.Months = append(one.Months, rehome.MonthCommits{Month: c.month(), Commits: int64(m.cells[c])})
		}
		s.Authors = append(s.Authors, one)
	}
	s.Rest.Identities += int64(len(m.late))
	s.Rest.Months = listOf(m.rest)
	return s
}

// tallies finds who has which of the cells, which are in order. Those who have one are not among the late any more.
func (m *months) tallies(cells []cell) (all []tally) {
	for n, c := range cells {
		if n == 0 || c.who() != cells[n-1].who() {
			all = append(all, tally{from: n})
			delete(m.late, c.who())
		}
		t := &all[len(all)-1]
		t.to, t.commits = n+1, t.commits+int64(m.cells[c])
	}
	return all
}

func listOf(by map[int32]int64) []rehome.MonthCommits {
	list := make([]rehome.MonthCommits, 0, len(by))
	for _, month := range slices.Sorted(maps.Keys(by)) {
		list = append(list, rehome.MonthCommits{Month: month, Commits: by[month]})
	}
	return list
}
