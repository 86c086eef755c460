package survey

import (
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

// shape returns what was counted: who has a cell is an author, in no order, and what nobody had a cell for is of everybody else. people are
// all there are, by number.
func (m *months) shape(people []Identity) rehome.Shape {
	s := rehome.Shape{Undated: m.undated, Rest: rehome.MonthsOfMany{Months: listOf(m.rest)}}
	all := make([]rehome.MonthCommits, 0, len(m.cells))
	last := -1
	for _, c := range slices.Sorted(maps.Keys(m.cells)) {
		who := int(c >> 32)
		if who != last {
			i := people[who]
			s.Authors = append(s.Authors, rehome.AuthorMonths{Identity: rehome.Identity{Name: string(i.Name), Mail: string(i.Mail)}})
			all, last = all[len(all):], who
			delete(m.late, who)
		}
		all = append(all, rehome.MonthCommits{Month: int32(uint32(c)), Commits: int64(m.cells[c])})
		s.Authors[len(s.Authors)-1].Months = all[:len(all):len(all)]
	}
	s.Rest.Identities = int64(len(m.late))
	return s
}

func listOf(by map[int32]int64) []rehome.MonthCommits {
	list := make([]rehome.MonthCommits, 0, len(by))
	for _, month := range slices.Sorted(maps.Keys(by)) {
		list = append(list, rehome.MonthCommits{Month: month, Commits: by[month]})
	}
	return list
}
