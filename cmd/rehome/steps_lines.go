package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rehome/internal/terminal"
)

// The columns of a line about a step: its mark and name, how long it took, and the rest.
const (
	nameColumns = 10
	tookColumns = 8
	restAt      = nameColumns + tookColumns + 2

	narrow   = 60  // in fewer columns the second line of a step begins further left
	wide     = 120 // from here on a step has one line
	longBar  = 60
	shortBar = 8
)

// lines draws the steps for a terminal of so many columns; no line is longer than one less.
func (s *steps) lines(columns int) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var all []string
	for n := range s.rows {
		if r := &s.rows[n]; r.state == stepRuns {
			all = append(all, s.running(r, columns-1, now)...)
		} else {
			all = append(all, s.still(r, columns-1))
		}
	}
	if s.stopping {
		all = append(all, s.style.Yellow(s.style.Clip(stoppingText, columns-1)))
	}
	return all
}

// last are the lines that stay: of steps that were begun.
func (s *steps) last(columns int) []string {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for n := range s.rows {
		if r := &s.rows[n]; r.state == stepDone || r.state == stepStopped {
			all = append(all, s.still(r, columns-1))
		}
	}
	return all
}

// still is the line of a step that does not run.
func (s *steps) still(r *stepRow, columns int) string {
	mark, took, did := s.style.Waiting(), "", r.did
	switch r.state {
	case stepDone:
		mark, took = s.style.Done(), tookText(r.ended.Sub(r.began))
	case stepStopped:
		mark, took = s.style.Failed(), tookText(r.ended.Sub(r.began))
	case stepSkipped:
		did = "done by an earlier run"
	}
	return s.style.Clip(strings.TrimRight(head(mark, r.called(), took)+did, " "), columns)
}

// head is what every line of a step begins with.
func head(mark, name, took string) string {
	return terminal.Pad(mark+" "+name, nameColumns) + strings.Repeat(" ", tookColumns-min(len(took), tookColumns)) + took + "  "
}

// running draws the step under way: a bar, and behind it or below it the numbers.
func (s *steps) running(r *stepRow, columns int, now time.Time) []string {
	text := head(s.style.Running(), r.called(), tookText(now.Sub(r.began)))
	amounts := r.lately(s.seen(r), now)
	room := columns - restAt
	if columns < wide {
		at := restAt
		if columns < narrow {
			at = 2
		}
		below := fitted(amounts, columns-at)
		if r.text != "" {
			below = r.text
		}
		lines := []string{s.style.Clip(text+s.bar(r, room, now), columns)}
		if below != "" {
			lines = append(lines, s.style.Clip(strings.Repeat(" ", at)+below, columns))
		}
		return lines
	}
	bar := s.bar(r, min(room*2/3, longBar+24), now)
	beside := fitted(amounts, room-terminal.Width(bar)-2)
	if r.text != "" {
		beside = r.text
	}
	return []string{s.style.Clip(strings.TrimRight(text+bar+"  "+beside, " "), columns)}
}

// bar draws how far a step is, with the percentage and what is left, in so many columns.
func (s *steps) bar(r *stepRow, columns int, now time.Time) string {
	p, percent, left := &r.last, "", ""
	if p.Percent != nil {
		percent = fmt.Sprintf("%4d%%", *p.Percent)
	}
	if rest := r.left(now); rest > 0 {
		left = "  " + leftText(rest)
	}
	const leftColumns = 14 // as much as leftText may take: the bar stays as long as it is
	room := min(columns-5-leftColumns, longBar)
	if room < shortBar {
		room, left = columns-5, ""
	}
	if room < 1 {
		return strings.TrimLeft(percent, " ")
	}
	if p.Percent == nil {
		return s.style.Moving(room, int64(now.Sub(r.began)/(100*time.Millisecond)))
	}
	return s.style.Bar(room, int64(*p.Percent), 100) + percent + left
}

// fitted joins as many of the parts as there is room for.
func fitted(parts []string, columns int) string {
	for n := len(parts); n > 0; n-- {
		if text := strings.Join(parts[:n], ", "); terminal.Width(text) <= columns {
			return text
		}
	}
	return ""
}

// tookText says how long something took, in at most seven columns until a hundred hours have passed.
func tookText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", max(d, 0).Truncate(100*time.Millisecond).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}

// leftText says how long something will take, in no more detail than is known.
func leftText(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s left", int(d.Seconds()))
	case d < 10*time.Minute:
		return fmt.Sprintf("%dm %02ds left", int(d.Minutes()), int(d.Seconds())%60/10*10)
	case d < time.Hour:
		return fmt.Sprintf("%d min left", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh %02dm left", int(d.Hours()), int(d.Minutes())%60)
}

// tally counts texts, in the order in which they came.
type tally struct {
	texts []string
	count map[string]int
}

func (t *tally) add(text string) {
	if t.count == nil {
		t.count = map[string]int{}
	}
	if t.count[text]++; t.count[text] == 1 {
		t.texts = append(t.texts, text)
	}
}

// drop forgets what is told elsewhere.
func (t *tally) drop(text string) {
	t.texts = slices.DeleteFunc(slices.Clone(t.texts), func(one string) bool { return one == text })
}

// list gives each text once, with how often it came.
func (t *tally) list() (all []string) {
	for _, text := range t.texts {
		if n := t.count[text]; n > 1 {
			text += fmt.Sprintf(" (%d times)", n)
		}
		all = append(all, text)
	}
	return all
}
