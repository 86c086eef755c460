package picture

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"rehome"
)

// History is commits over time twice: by identities as the source has them, and by what an author map makes of these.
type History struct {
	Calendar
	Before, After Stack
	Commits       int64 // drawn
	Mapped        bool  // the map changes somebody, so that After is another picture than Before

	Early, Late, Undated int64 // not drawn: dated far before all others, after now, and without a date
}

// Stack is layers, the lowest first: who has most is there.
type Stack []Layer

// Layer is whose commits lie above each other in a band.
type Layer struct {
	rehome.Identity         // zero where it is of several
	Person          int     // what they become, who has most first; Colours is everybody else. The same in both stacks
	Identities      int64   // of the source, that are in it
	Commits         int64   // of all columns
	Columns         []int64 // commits, for each of the calendar's
}

// maxParts is how many layers a person may have before the map: two identities, and the others together.
const maxParts = 3

// HistoryOf sorts the commits of a shape into columns, of which those after now's month are left out. It is false where nothing is left.
func HistoryOf(s rehome.Shape, now time.Time) (History, bool) {
	h := History{Undated: s.Undated}
	totals := map[int64]int64{}
	for _, m := range allMonths(s) {
		totals[epoch+int64(m.Month)] += m.Commits
	}
	first, last, ok := spanOf(totals, monthOf(now))
	for month, n := range totals {
		switch {
		case month > monthOf(now):
			h.Late += n
		case !ok || month < first:
			h.Early += n
		default:
			h.Commits += n
		}
	}
	if !ok {
		return h, false
	}
	h.Calendar = calendarOf(first, last, MaxColumns)
	h.stack(s, first, last)
	return h, true
}

// allMonths is every count of a shape.
func allMonths(s rehome.Shape) []rehome.MonthCommits {
	all := slices.Clone(s.Rest.Months)
	for _, a := range s.Authors {
		all = append(all, a.Months...)
	}
	return all
}

// person is who some identities become.
type person struct {
	rehome.Identity
	parts   []Layer // an identity each
	commits int64
}

// stack makes the layers of both pictures.
func (h *History) stack(s rehome.Shape, first, last int64) {
	count := func(months []rehome.MonthCommits, l Layer) Layer {
		l.Columns = make([]int64, h.Calendar.Columns)
		for _, m := range months {
			month := epoch + int64(m.Month)
			if n, ok := h.column(month); ok && month >= first && month <= last {
				l.Columns[n] += m.Commits
				l.Commits += m.Commits
			}
		}
		return l
	}
	var people []*person
	known := map[rehome.Identity]*person{}
	for _, a := range s.Authors {
		l := count(a.Months, Layer{Identity: a.Identity, Identities: 1})
		if l.Commits == 0 {
			continue
		}
		to := becomes(a)
		h.Mapped = h.Mapped || to != a.Identity
		p := known[to]
		if p == nil {
			p = &person{Identity: to}
			known[to], people = p, append(people, p)
		}
		p.parts, p.commits = append(p.parts, l), p.commits+l.Commits
	}
	slices.SortFunc(people, func(a, b *person) int {
		return cmp.Or(cmp.Compare(b.commits, a.commits), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Mail, b.Mail))
	})
	others := count(s.Rest.Months, Layer{Person: Colours, Identities: s.Rest.Identities})
	for n, p := range people {
		if n >= Colours {
			others = sum(append(p.parts, others))
			others.Person = Colours
			continue
		}
		h.add(n, p)
	}
	if others.Commits > 0 {
		h.Before, h.After = append(h.Before, others), append(h.After, others)
	}
}

// becomes is who an identity is after the map. Nobody becomes another by being written with U+FFFD for bytes that are not UTF-8.
func becomes(a rehome.AuthorMonths) rehome.Identity {
	const bad = "\uFFFD"
	if a.Becomes == (rehome.Identity{Name: strings.ToValidUTF8(a.Name, bad), Mail: strings.ToValidUTF8(a.Mail, bad)}) {
		return a.Identity
	}
	return a.Becomes
}

// add puts a person on top of both stacks: as the identities there were, and as the one there will be.
func (h *History) add(n int, p *person) {
	one := sum(p.parts)
	one.Identity, one.Person = p.Identity, n
	h.After = append(h.After, one)
	slices.SortFunc(p.parts, func(a, b Layer) int {
		return cmp.Or(cmp.Compare(b.Commits, a.Commits), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Mail, b.Mail))
	})
	parts := p.parts
	if len(parts) > maxParts {
		parts = append(slices.Clone(parts[:maxParts-1]), sum(parts[maxParts-1:]))
	}
	for _, l := range parts {
		l.Person = n
		h.Before = append(h.Before, l)
	}
}

// sum is several layers as one.
func sum(layers []Layer) Layer {
	all := Layer{Columns: make([]int64, len(layers[0].Columns))}
	for _, l := range layers {
		all.Commits, all.Identities = all.Commits+l.Commits, all.Identities+l.Identities
		for n, c := range l.Columns {
			all.Columns[n] += c
		}
	}
	return all
}

// Highest is the most commits in one column.
func (s Stack) Highest() int64 {
	var most int64
	for n := range s[0].Columns {
		var all int64
		for _, l := range s {
			all += l.Columns[n]
		}
		most = max(most, all)
	}
	return most
}

// Table is a stack by larger columns, of which there are at most so many.
func (h History) Table(s Stack, most int) (Calendar, Stack) {
	end := h.First + int64(h.Calendar.Columns)*h.Step - 1
	c := calendarOf(h.First, end, most)
	var all Stack
	for _, l := range s {
		columns := make([]int64, c.Columns)
		for n, commits := range l.Columns {
			columns[(h.First+int64(n)*h.Step-c.First)/c.Step] += commits
		}
		l.Columns = columns
		all = append(all, l)
	}
	return c, all
}
