package terminal

import (
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// redrawEvery is often enough for a bar that moves, and seldom enough to cost nothing.
const redrawEvery = 100 * time.Millisecond

// Foot is the lines that are drawn again and again below everything else on a terminal. No line of it wraps, and the
// cursor stands below it, in sight. While the process is in the background nothing is drawn. Only Draw and Close wait for
// the terminal. Safe for concurrent use.
type Foot struct {
	out   io.Writer
	style Style
	size  func() (columns, rows int)
	ours  func() bool // the process is in the foreground
	lines func(columns int) []string

	more  chan struct{} // there is something to print
	end   chan struct{}
	ended sync.WaitGroup
	close sync.Once

	drawing sync.Mutex
	stands  []int // the widths of the lines that stand there, guarded by drawing

	mu     sync.Mutex                 // taken after drawing
	prints []func(columns int) string // to come above the foot, guarded by mu
	closed bool                       // guarded by mu
}

// NewFoot begins to draw on a terminal what lines gives for so many columns, until Close. lines may be called at any
// time before that, by one goroutine at a time, and must not call the Foot.
func NewFoot(terminal *os.File, style Style, lines func(columns int) []string) *Foot {
	fd := int(terminal.Fd())
	f := &Foot{out: terminal, style: style, lines: lines, more: make(chan struct{}, 1), end: make(chan struct{}), size: func() (int, int) {
		columns, rows, err := term.GetSize(fd)
		if err != nil || columns <= 0 || rows <= 0 {
			return 80, 24
		}
		return columns, rows
	}, ours: func() bool {
		group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
		return err != nil || group == unix.Getpgrp()
	}}
	f.ended.Go(f.keep)
	return f
}

// keep draws until Close.
func (f *Foot) keep() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGCONT)
	defer signal.Stop(again)
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		f.Draw()
		drew := time.Now()
		select {
		case <-f.end:
			return
		case <-again:
			f.forget()
			continue
		case <-f.more:
		case <-tick.C:
		}
		if time.Since(drew) < 3*redrawEvery {
			continue
		}
		select { // it was stopped, of which a signal tells that may come after the tick, or had no turn
		case <-again:
			f.forget()
		case <-time.After(time.Second):
		case <-f.end:
		}
	}
}

// forget leaves what stands there: others wrote below it while the process was stopped.
func (f *Foot) forget() {
	f.drawing.Lock()
	defer f.drawing.Unlock()
	f.stands = nil
}

// Draw draws at once.
func (f *Foot) Draw() {
	f.drawing.Lock()
	defer f.drawing.Unlock()
	f.mu.Lock()
	closed := f.closed
	f.mu.Unlock()
	if !closed {
		columns, _ := f.size()
		f.write(f.printed(columns))
	}
}

// Print writes whole lines above the foot, which stay.
func (f *Foot) Print(text string) { f.PrintFor(func(int) string { return text }) }

// PrintFor is Print for lines that depend on how many columns there are. It may be asked for them after PrintFor has
// returned, until Close.
func (f *Foot) PrintFor(lines func(columns int) string) {
	f.mu.Lock()
	closed := f.closed
	f.prints = append(f.prints, lines)
	f.mu.Unlock()
	if closed {
		columns, _ := f.size()
		io.WriteString(f.out, f.printed(columns)) //nolint:errcheck // nobody is there to be told
		return
	}
	select {
	case f.more <- struct{}{}:
	default: // it is known
	}
}

// printed takes what is to come above the foot.
func (f *Foot) printed(columns int) (text string) {
	f.mu.Lock()
	prints := f.prints
	f.prints = nil
	f.mu.Unlock()
	for _, lines := range prints {
		text += strings.TrimSuffix(lines(columns), "\n") + "\n"
	}
	return text
}

// Close takes the foot away and leaves in its place what last gives for so many columns; nil leaves nothing. It may be
// called again, and only waits until that is done then.
func (f *Foot) Close(last func(columns int) []string) {
	f.close.Do(func() {
		close(f.end)
		f.ended.Wait()
		f.drawing.Lock()
		defer f.drawing.Unlock()
		f.mu.Lock()
		f.closed = true
		f.mu.Unlock()
		columns, _ := f.size()
		text := f.erase(columns) + f.printed(columns)
		if last != nil {
			for _, line := range last(columns) {
				text += line + "\n"
			}
		}
		io.WriteString(f.out, text) //nolint:errcheck // as in PrintFor
	})
}

// write puts a text where the foot stands, and the foot below it. f.drawing is held.
func (f *Foot) write(above string) {
	if !f.ours() {
		f.stands = nil
		io.WriteString(f.out, above) //nolint:errcheck // as in PrintFor
		return
	}
	columns, rows := f.size()
	lines := f.lines(columns)
	lines = lines[max(len(lines)-max(rows-1, 1), 0):]
	var b strings.Builder
	if above != "" {
		b.WriteString(f.erase(columns) + above)
	} else {
		b.WriteString("\r" + strings.Repeat("\x1b[A", f.height(columns)))
	}
	b.WriteString("\x1b[?7l") // no wrapping: a terminal may be narrower than it has told yet
	f.stands = f.stands[:0]
	for _, line := range lines {
		line = f.style.Clip(line, columns-1)   // in the last column some terminals wrap
		b.WriteString("\x1b[2K" + line + "\n") // which also forgets that the row was a part of a longer line
		f.stands = append(f.stands, Width(line))
	}
	b.WriteString("\x1b[J\x1b[?7h")
	io.WriteString(f.out, b.String()) //nolint:errcheck // as in PrintFor
}

// erase clears what stands there, a line at a time: some terminals keep what is cleared at once below what scrolled away.
// f.drawing is held.
func (f *Foot) erase(columns int) string {
	text := "\r\x1b[2K" + strings.Repeat("\x1b[A\x1b[2K", f.height(columns))
	f.stands = f.stands[:0]
	return text
}

// height is how many rows what stands there takes. When a terminal became narrower it has wrapped longer lines meanwhile.
// f.drawing is held.
func (f *Foot) height(columns int) (rows int) {
	for _, width := range f.stands {
		rows += max((width+columns-1)/columns, 1)
	}
	return rows
}
