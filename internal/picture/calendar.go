package picture

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// MaxColumns is the most columns that a picture over time has.
const MaxColumns = 120

// steps are how many months a column may have; each divides those after it.
var steps = []int64{1, 3, 12, 60, 120, 600, 1200, 12000}

// epoch is January 1970 in months since January of the year 0, which all of this package counts in.
const epoch = 1970 * 12

// Calendar is a row of columns, each of some months.
type Calendar struct {
	First   int64 // month in which the first one begins, since January of the year 0; a multiple of Step
	Step    int64 // months in a column
	Columns int
}

// monthOf is the month that a time lies in.
func monthOf(t time.Time) int64 {
	t = t.UTC()
	return int64(t.Year())*12 + int64(t.Month()) - 1
}

// calendarOf holds the months from first to last in as many columns as are allowed.
func calendarOf(first, last int64, most int) Calendar {
	c := Calendar{}
	for _, c.Step = range steps {
		c.First = first - first%c.Step
		if c.Columns = int((last-c.First)/c.Step) + 1; c.Columns <= most {
			break
		}
	}
	return c
}

// column is where a month is, and whether it is there at all.
func (c Calendar) column(month int64) (int, bool) {
	if month < c.First {
		return 0, false
	}
	n := (month - c.First) / c.Step
	return int(n), n < int64(c.Columns)
}

// Name is what a column is called: "2019-04", "2019 Q2", "2019" or "2015–2019".
func (c Calendar) Name(column int) string {
	month := c.First + int64(column)*c.Step
	switch year := month / 12; {
	case c.Step == 1:
		return fmt.Sprintf("%d-%02d", year, month%12+1)
	case c.Step == 3:
		return fmt.Sprintf("%d Q%d", year, month%12/3+1)
	case c.Step == 12:
		return fmt.Sprint(year)
	default:
		return fmt.Sprintf("%d–%d", year, year+c.Step/12-1)
	}
}

// Unit is what a column is: "month", "quarter", "year" or "5 years".
func (c Calendar) Unit() string {
	switch c.Step {
	case 1:
		return "month"
	case 3:
		return "quarter"
	case 12:
		return "year"
	}
	return fmt.Sprintf("%d years", c.Step/12)
}

// slack is how far, in months, the earliest commits may always be before the others.
const slack = 24

// spanOf finds the months that a picture is of. Those after now were not; and clocks that were wrong put a few commits far before all
// others, mostly into the first month of 1970. They would take the whole width, so what lies farther before the bulk of commits than these
// reach is left out: of each two hundred commits, and where there are ten, one may be apart from the bulk.
func spanOf(totals map[int64]int64, now int64) (first, last int64, ok bool) {
	var all, apart int64
	var months []int64
	for _, month := range slices.Sorted(maps.Keys(totals)) {
		if month >= 0 && month <= now {
			months = append(months, month)
			all += totals[month]
		}
	}
	if len(months) == 0 {
		return 0, 0, false
	}
	if apart = all / 200; apart == 0 && all >= 10 {
		apart = 1
	}
	if zero := totals[epoch]; months[0] == epoch && zero < all-zero {
		apart += zero
	}
	last = months[len(months)-1]
	bulk, seen := last, int64(0)
	for _, month := range months {
		if seen += totals[month]; seen > apart {
			bulk = month
			break
		}
	}
	earliest := bulk - max(slack, last-bulk)
	n, _ := slices.BinarySearch(months, earliest)
	return months[n], last, true
}
