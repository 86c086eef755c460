package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"rehome"
	"rehome/internal/terminal"
)

// stepTook is how long a step took in this run.
type stepTook struct {
	name string
	took time.Duration
}

// sayTotals tells a terminal, on standard error, what else is to know about a move that is done.
func (m *Main) sayTotals(r moved, dest string, f importFlags) {
	line := func(name, text string) { fmt.Fprintf(m.Stderr, "  %-10s%s\n", name, text) }
	if !isTerminal(m.Stdout) { // there it is said already
		line("moved", fmt.Sprintf("%s, %s, %s", counted(r.Head.Carried, "commit"), counted(int64(len(r.Refs.Refs)), "ref"), counted(r.Body.Authors.Identities, "author")))
	}
	lfs := "no objects"
	if n := r.Body.LFS.Carried; n > 0 {
		lfs = fmt.Sprintf("%s, %s", counted(n, "object"), bytesText(r.Body.LFS.Bytes))
	}
	line("Git LFS", lfs)
	line("received", bytesText(r.seen.received))
	if isURL(dest) {
		line("sent", bytesText(r.seen.sent))
	} else {
		line("on disk", bytesText(sizeOf(dest)))
	}
	line("time", terminal.Wrap(r.seen.timeText(), max(terminal.Columns(m.Stderr)-13, 20), strings.Repeat(" ", 12)))
	line("next", next(dest, f))
}

// next is what to do once a move is done.
func next(dest string, f importFlags) string {
	if f.to.state != "" {
		return "the same command brings what is new"
	}
	return "git clone " + word(rehome.Clean(dest, 1000))
}

// timeText is the time in all, and of each step.
func (v *movement) timeText() string {
	var parts []string
	for _, s := range v.steps {
		parts = append(parts, s.name+" "+tookText(s.took))
	}
	return tookText(v.took) + ": " + strings.Join(parts, ", ")
}

// sizeOf is how many bytes a folder holds.
func sizeOf(dir string) (n int64) {
	filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error { //nolint:errcheck // what goes meanwhile does not count
		if err != nil {
			return nil
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// sayWarnings lists what a receipt warns of, and on a terminal what else was seen, each once.
func (m *Main) sayWarnings(all []rehome.Warning, seen *movement) {
	var texts tally
	for _, w := range all {
		texts.add(strings.TrimPrefix(warningText(w), "warning: "))
		if seen != nil {
			seen.warnings.drop(w.Kind + ": " + w.Text)
		}
	}
	lines := texts.list()
	if seen != nil {
		lines = append(lines, seen.warnings.list()...)
	}
	for _, text := range lines {
		fmt.Fprintf(m.Stderr, "%s %s\n", m.style().Yellow("warning:"), tame(text))
	}
}
