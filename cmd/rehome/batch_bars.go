package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/terminal"
)

// batchBars is what a terminal is shown of a batch: a line for every row that runs, and one for all of them. Safe for
// concurrent use.
type batchBars struct {
	style terminal.Style
	now   func() time.Time
	began time.Time
	names []string // of rows

	mu       sync.Mutex
	running  []*rowBar // in the order in which they began; guarded by mu, as what follows
	sum      sums      // so far
	ran      int       // rows of this run that ended
	stopping bool
}

// rowBar is a row that runs.
type rowBar struct {
	n     int // of the row
	steps *steps
}

// barShow draws a bar for every row that runs, and writes a line for each that ended above them.
func (b *batchRun) barShow(file *os.File, style terminal.Style) batchShow {
	s := &batchBars{style: style, now: time.Now, began: time.Now(), sum: sums{rows: len(b.rows)}}
	for _, row := range b.rows {
		s.names = append(s.names, rehome.Clean(row.Source, 200))
	}
	s.names = withoutCommon(s.names)
	foot := terminal.NewFoot(file, style, s.lines)
	close := func() { foot.Close(nil) }
	gone := b.interrupts.show(drawn{func() { s.stops(); foot.Draw() }, close})
	return batchShow{func(n int) rowShow {
		bar := s.begin(n)
		return rowShow{
			watcher{event: bar.steps.event, note: func(text string) { foot.Print(s.names[n] + ": " + text) }, close: func() { s.end(bar) }},
			b.prefixed(n, writerFunc(func(p []byte) (int, error) { foot.Print(string(p)); return len(p), nil })),
		}
	}, func(n int, o batch.Outcome) {
		if s.count(o); !o.Earlier {
			foot.PrintFor(func(columns int) string { return b.lineFor(style, columns, n, o) })
		}
	}, func() { gone(); close() }}
}

// withoutCommon leaves out the folders that all names begin with.
func withoutCommon(names []string) []string {
	common := strings.TrimRight(names[0], "/") // something is left of each
	for _, name := range names {
		for !strings.HasPrefix(name, common) {
			common = common[:len(common)-1]
		}
	}
	common = common[:strings.LastIndexByte(common, '/')+1]
	short := make([]string, len(names))
	for n, name := range names {
		short[n] = strings.TrimPrefix(name, common)
	}
	return short
}

// lineFor is line for a terminal of so many columns: where there is too little room the addresses are cut, and why
// something failed stands below.
func (b *batchRun) lineFor(style terminal.Style, columns, n int, o batch.Outcome) string {
	row, what := b.rows[n], string(o.Status)
	if o.Status == batch.Done || o.Status == batch.Partly {
		what += fmt.Sprintf(", %s in %s s", cmp.Or(o.News, counted(o.Commits, "commit")), secondsText(o.Seconds))
	}
	source, dest := rehome.Clean(row.Source, 200), rehome.Clean(row.Destination, 200)
	room := columns - len("m  -> : ") - terminal.Width(what) - 1
	forSource := room - min(terminal.Width(dest), max(room-terminal.Width(source), room/2))
	text := fmt.Sprintf("%s %s -> %s: %s", markOf(style, o), style.Middle(source, forSource), style.Middle(dest, room-forSource), what)
	if text = style.Clip(text, columns-1); o.Message != "" && o.Message != what {
		text += "\n    " + terminal.Wrap(o.Message, columns-5, "    ")
	}
	return text
}

// markOf is the mark of what came of a row.
func markOf(style terminal.Style, o batch.Outcome) string {
	switch o.Status {
	case batch.Done, batch.Partly:
		return style.Done()
	case batch.Failed:
		return style.Failed()
	}
	return style.Waiting()
}

func (s *batchBars) begin(n int) *rowBar {
	s.mu.Lock()
	defer s.mu.Unlock()
	bar := &rowBar{n, newSteps(s.style, s.now, allSteps()...)}
	s.running = append(s.running, bar)
	return bar
}

func (s *batchBars) end(bar *rowBar) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = slices.DeleteFunc(s.running, func(one *rowBar) bool { return one == bar })
}

// count takes what came of a row.
func (s *batchBars) count(o batch.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum.add(o)
	if !o.Earlier {
		s.ran++
	}
}

func (s *batchBars) stops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

// lines draws the rows that run, and all of them in one, for a terminal of so many columns.
func (s *batchBars) lines(columns int) (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := 0
	for _, bar := range s.running {
		names = max(names, terminal.Width(s.names[bar.n]))
	}
	names = min(names, columns/3)
	for _, bar := range s.running {
		name := terminal.Pad(s.style.Middle(s.names[bar.n], names), names)
		all = append(all, s.style.Clip(s.style.Running()+" "+name+"  "+bar.steps.line(columns-names-5), columns-1))
	}
	all = append(all, s.style.Clip(s.total(columns), columns-1))
	if s.stopping {
		all = append(all, s.style.Yellow(s.style.Clip(stoppingText, columns-1)))
	}
	return all
}

// total says how far the whole batch is. What is left is guessed from the rows of this run, once there are a few.
func (s *batchBars) total(columns int) string {
	ended := s.sum.done + s.sum.partly + s.sum.failed
	left := s.sum.rows - ended
	took := s.now().Sub(s.began)
	parts := []string{fmt.Sprintf("%d of %d done", s.sum.done+s.sum.partly, s.sum.rows), fmt.Sprintf("%d failed", s.sum.failed), fmt.Sprintf("%d left", left)}
	text := "  " + strings.Join(parts, ", ")
	times := ", " + tookText(took)
	if s.ran >= 3 && left > 0 {
		times += ", about " + leftText(max(took*time.Duration(left)/time.Duration(s.ran), s.longest()))
	}
	bar := ""
	if room := columns - terminal.Width(text+times) - 5; room >= shortBar {
		bar = "  " + s.style.Bar(min(room, longBar/2), int64(ended), int64(max(s.sum.rows, 1)))
	}
	return text + times + bar
}

// longest is how long the steps under way will take. s.mu is held.
func (s *batchBars) longest() (d time.Duration) {
	for _, bar := range s.running {
		d = max(d, bar.steps.stepLeft())
	}
	return d
}

// stepLeft is how long the step under way will take, 0 where that is not known.
func (s *steps) stepLeft() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.IndexFunc(s.rows, func(r stepRow) bool { return r.state == stepRuns })
	if n < 0 {
		return 0
	}
	return s.rows[n].left(s.now())
}

// line is the step under way in one line of so many columns: its name, how far it is, and what there is room for.
func (s *steps) line(columns int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := slices.IndexFunc(s.rows, func(r stepRow) bool { return r.state == stepRuns })
	if n < 0 {
		return ""
	}
	r := &s.rows[n]
	text := terminal.Pad(r.called(), 9)
	bar := min(max(columns/4, shortBar), longBar/2)
	switch {
	case columns < 9+shortBar:
	case r.last.Percent == nil:
		text += s.style.Moving(bar, int64(s.now().Sub(r.began)/(100*time.Millisecond))) + "     "
	default:
		text += s.style.Bar(bar, int64(*r.last.Percent), 100) + fmt.Sprintf("%4d%%", *r.last.Percent)
	}
	parts := r.lately(s.seen(r), s.now())
	if left := r.left(s.now()); left > 0 {
		parts = slices.Insert(parts, 0, leftText(left))
	}
	if r.text != "" {
		parts = []string{r.text}
	}
	return text + "  " + fitted(parts, columns-terminal.Width(text)-2)
}
