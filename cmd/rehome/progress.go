package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"rehome"
	"rehome/internal/terminal"
)

// watcher shows the events of one import. close ends the display; it may be called once.
type watcher struct {
	event func(rehome.Event)
	note  func(string) // a line about something besides
	warn  func(string) // a warning that can wait for the end; nil where it cannot

	arrived func(moved)      // told of what came of it; may be nil
	doubts  func(*doubts)    // told of the author map once its history is known, in place of warnings; may be nil
	seen    func() *movement // what a terminal is told at the end; nil elsewhere

	close func()
}

// newWatcher chooses how to show an import of these steps: JSON lines on standard output, nothing, a bar for each step
// on a terminal, or plain lines. The event function is safe for concurrent use.
func (m *Main) newWatcher(asJSON, quiet bool, of ...rehome.Step) watcher {
	switch {
	case m.watch != nil:
		return *m.watch
	case asJSON:
		return jsonLines(m.Stdout)
	case quiet:
		return noWatcher()
	}
	if style := m.style(); style.Live {
		return m.bars(m.Stderr.(*os.File), style, of)
	}
	return plainLines(m.Stderr, time.Now)
}

// movement is what a terminal is told at the end; nil elsewhere.
func (w watcher) movement() *movement {
	if w.seen == nil {
		return nil
	}
	return w.seen()
}

// complain lists what was seen before something failed.
func (w watcher) complain(m *Main) { m.sayWarnings(nil, w.movement()) }

// doubt shows the doubts, at the end where these are collected.
func (m *Main) doubt(show watcher, d *doubts) {
	if show.warn == nil {
		m.show(d)
		return
	}
	for _, text := range d.texts() {
		show.warn(text)
	}
}

func noWatcher() watcher {
	return watcher{event: func(rehome.Event) {}, note: func(string) {}, close: func() {}}
}

// noteAs makes a line an event.
func noteAs(event func(rehome.Event)) func(string) {
	return func(text string) {
		event(rehome.Event{Kind: rehome.EventWarning, At: time.Now().UTC(), Text: text})
	}
}

func jsonLines(w io.Writer) watcher {
	var mu sync.Mutex
	lines := json.NewEncoder(printable{w})
	lines.SetEscapeHTML(false)
	event := func(e rehome.Event) {
		mu.Lock()
		defer mu.Unlock()
		lines.Encode(spelledEvent(e)) // a closed pipe ends the program by its signal
	}
	return watcher{event: event, note: noteAs(event), close: func() {}}
}

// plainEvery is how often plain lines tell of progress.
const plainEvery = 5 * time.Second

func plainLines(w io.Writer, now func() time.Time) watcher {
	var (
		mu   sync.Mutex
		last time.Time
		text string // of the last progress; another one is told at once
	)
	return watcher{event: func(e rehome.Event) {
		mu.Lock()
		defer mu.Unlock()
		switch e.Kind {
		case rehome.EventStatus:
			fmt.Fprintln(w, e.Status)
		case rehome.EventProgress:
			if e.ProgressEvent == nil || e.Commits == 0 && e.Bytes == 0 && e.LFS == nil {
				break // nothing came or went yet
			}
			ended := e.Step == rehome.StepRewrite && e.Percent != nil && *e.Percent == 100
			if at := now(); ended || e.Text != "" && e.Text != text || at.Sub(last) >= plainEvery {
				last, text = at, e.Text
				fmt.Fprintln(w, describe(e))
			}
		}
	}, note: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, text)
	}, close: func() {}}
}

// describe puts progress into one line.
func describe(e rehome.Event) string {
	line := fmt.Sprintf("%s: %s, %s, %s received", e.Step, counted(e.Commits, "commit"), counted(e.Authors, "author"), bytesText(e.Bytes))
	switch {
	case e.Text != "":
		line = fmt.Sprintf("%s: %s", e.Step, e.Text)
	case e.LFS != nil && e.LFSTotal != nil:
		line = fmt.Sprintf("%s: %d of %d Git LFS objects, %s", e.Step, *e.LFS, *e.LFSTotal, bytesText(e.Bytes))
	case e.Step == rehome.StepRewrite && e.BytesTotal != nil:
		line = fmt.Sprintf("%s: %s of %s converted", e.Step, bytesText(e.Bytes), bytesText(*e.BytesTotal))
	case e.Step == rehome.StepRewrite: // nothing is received
		line = fmt.Sprintf("%s: %d commits and tags", e.Step, e.Commits)
	case e.Step == rehome.StepPush && e.BytesTotal != nil:
		line = fmt.Sprintf("%s: %s of %s sent", e.Step, bytesText(e.Bytes), bytesText(*e.BytesTotal))
	case e.Step == rehome.StepPush:
		line = fmt.Sprintf("%s: %s sent", e.Step, bytesText(e.Bytes))
	}
	if e.Percent != nil && e.Text == "" {
		line += fmt.Sprintf(", %d%%", *e.Percent)
	}
	return line
}

// bars shows the steps of an import at the foot of a terminal, and leaves a line for each of them there.
func (m *Main) bars(file *os.File, style terminal.Style, of []rehome.Step) watcher {
	s := newSteps(style, time.Now, of...)
	foot := terminal.NewFoot(file, style, s.lines)
	close := func() { foot.Close(s.last) }
	gone := m.interrupts.show(drawn{func() { s.stops(); foot.Draw() }, close})
	return watcher{event: s.event, note: foot.Print, warn: s.warn, seen: s.movement, close: func() {
		gone()
		close()
	}}
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// note writes a line on standard error.
func (m *Main) note(text string) { fmt.Fprintln(m.Stderr, text) }

// noteOf is the note of an import before there is a watcher.
func (m *Main) noteOf(asJSON, quiet bool) func(string) {
	switch {
	case m.watch != nil:
		return m.watch.note
	case asJSON:
		return jsonLines(m.Stdout).note
	}
	return m.noteUnless(quiet)
}

func (m *Main) noteUnless(quiet bool) func(string) {
	if quiet {
		return func(string) {}
	}
	return m.note
}

// allSteps are the steps of an import.
func allSteps() []rehome.Step {
	return []rehome.Step{rehome.StepDetection, rehome.StepRaw, rehome.StepRewrite, rehome.StepPush}
}
