package main

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/terminal"
)

// batchShow shows a batch while it runs. Its functions are safe for concurrent use.
type batchShow struct {
	row   func(n int) rowShow
	ended func(n int, o batch.Outcome)
	close func()
}

// rowShow shows one running row.
type rowShow struct {
	watcher
	notes io.Writer // gets whole lines
}

// rowName names a row in JSON.
type rowName struct {
	Line        int    `json:"line"`
	Source      string `json:"source"`
	Destination string `json:"destination"`
}

func (b *batchRun) name(n int) rowName {
	return rowName{b.rows[n].Line, b.rows[n].Source, b.rows[n].Destination}
}

// newShow chooses how to show a batch, as newWatcher does for one import.
func (b *batchRun) newShow() batchShow {
	out := &lockedWriter{w: b.Stderr}
	switch {
	case b.json:
		return b.jsonShow(out)
	case b.quiet:
		return batchShow{b.silent(out), func(n int, o batch.Outcome) {
			if !o.Earlier && o.Status == batch.Failed {
				fmt.Fprintf(out, "%s\n", b.line(n, o))
			}
		}, func() {}}
	}
	if style := b.style(); style.Live {
		return b.barShow(b.Stderr.(*os.File), style)
	}
	return batchShow{b.silent(out), func(n int, o batch.Outcome) {
		if !o.Earlier {
			fmt.Fprintf(out, "%s\n", b.line(n, o))
		}
	}, func() {}}
}

// silent shows notes alone.
func (b *batchRun) silent(out io.Writer) func(int) rowShow {
	return func(n int) rowShow {
		notes := b.prefixed(n, out)
		quiet := noWatcher()
		if !b.quiet {
			quiet.note = func(text string) { fmt.Fprintln(notes, text) }
		}
		return rowShow{quiet, notes}
	}
}

// jsonShow prints events with the row they are about, and at the end of each row what came of it.
func (b *batchRun) jsonShow(notes io.Writer) batchShow {
	lines := json.NewEncoder(printable{&lockedWriter{w: b.Stdout}})
	lines.SetEscapeHTML(false)
	var mu sync.Mutex
	print := func(line any) {
		mu.Lock()
		defer mu.Unlock()
		lines.Encode(line) //nolint:errcheck // a closed pipe ends the program by its signal
	}
	return batchShow{func(n int) rowShow {
		event := func(e rehome.Event) {
			print(struct {
				rehome.Event
				Row rowName `json:"row"`
			}{spelledEvent(e), b.name(n)})
		}
		return rowShow{watcher{event: event, note: noteAs(event), close: func() {}}, b.prefixed(n, notes)}
	}, func(n int, o batch.Outcome) {
		print(struct {
			Event string `json:"event"`
			batch.Outcome
			Earlier bool    `json:"earlier"`
			Row     rowName `json:"row"`
		}{"result", o, o.Earlier, b.name(n)})
	}, func() {}}
}

// prefixed writes lines with the row they are about.
func (b *batchRun) prefixed(n int, out io.Writer) io.Writer {
	prefix := rehome.Clean(b.rows[n].Source, 200) + ": "
	return writerFunc(func(p []byte) (int, error) {
		_, err := out.Write(append([]byte(prefix), p...))
		return len(p), err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// lockedWriter is for several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// line says in a line what came of a row.
func (b *batchRun) line(n int, o batch.Outcome) string {
	row := b.rows[n]
	text := fmt.Sprintf("%s -> %s: %s", rehome.Clean(row.Source, 200), rehome.Clean(row.Destination, 200), o.Status)
	if o.Status == batch.Done || o.Status == batch.Partly {
		text += fmt.Sprintf(", %s in %s s", cmp.Or(o.News, counted(o.Commits, "commit")), secondsText(o.Seconds))
	}
	if o.Message != "" {
		text += ": " + o.Message
	}
	return text
}

func secondsText(s float64) string { return strconv.FormatFloat(s, 'f', 1, 64) }

// print writes the table of all rows, and how many there are of each kind.
func (b *batchRun) print(outcomes []batch.Outcome, s sums) error {
	if b.json || b.quiet {
		return nil
	}
	columns, style := terminal.Columns(b.Stdout), terminal.StyleOf(b.Stdout, b.Getenv)
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "STATUS\tCOMMITS\tRECEIVED\tSECONDS\tSOURCE\tDESTINATION\tMESSAGE")
	for n, o := range outcomes {
		fmt.Fprintln(out, strings.TrimRight(strings.Join([]string{
			string(o.Status), strconv.FormatInt(o.Commits, 10), bytesText(o.Bytes), secondsText(o.Seconds),
			ofTable(b.rows[n].Source, style, columns), ofTable(b.rows[n].Destination, style, columns), messageOf(o),
		}, "\t"), "\t"))
	}
	fmt.Fprintf(out, "\n%s: %s\n", repositories(s.rows), s)
	out.Flush() //nolint:errcheck // into memory
	_, err := io.WriteString(b.Stdout, cutOff(table.String(), style, columns))
	return err
}

// ofTable is an address in the table: whole in a file, and on a terminal of so many columns so that the others have room.
func ofTable(address string, style terminal.Style, columns int) string {
	const others = 50 // columns of the table
	if address = rehome.Clean(address, 200); columns == 0 {
		return address
	}
	return style.Middle(address, max((columns-others)/2, 12))
}

// cutOff cuts off lines that a terminal of so many columns would wrap: what a row's message says whole is said before.
func cutOff(text string, style terminal.Style, columns int) string {
	if columns == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		lines[n] = style.Clip(line, columns)
	}
	return strings.Join(lines, "\n")
}

// String lists the numbers that are not zero.
func (s sums) String() string {
	var parts []string
	add := func(n int, text string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, text))
		}
	}
	add(s.done, "done")
	add(s.partly, "done but for what could not be carried")
	add(s.failed, "failed")
	add(s.left, "not done yet")
	text := strings.Join(parts, ", ")
	if s.earlier > 0 {
		text += fmt.Sprintf("; %d of them in an earlier run", s.earlier)
	}
	return text
}

// messageOf is a row's message, with when it was said.
func messageOf(o batch.Outcome) string {
	switch {
	case !o.Earlier:
		return cmp.Or(o.Message, o.News)
	case o.Message == "":
		return "in an earlier run"
	}
	return "in an earlier run: " + o.Message
}

// writeResults writes what came of each row as CSV.
func (b *batchRun) writeResults(outcomes []batch.Outcome) error {
	if b.flags.results == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(b.flags.results), "."+filepath.Base(b.flags.results)+".*")
	if err != nil {
		return fmt.Errorf("write --results: %w", err)
	}
	out := csv.NewWriter(f)
	out.Write([]string{"source", "destination", "status", "exit", "commits", "bytes", "seconds", "message"}) //nolint:errcheck // Error says it
	for n, o := range outcomes {
		out.Write([]string{ //nolint:errcheck // as above
			b.rows[n].Source, b.rows[n].Destination, string(o.Status), strconv.Itoa(o.Exit), strconv.FormatInt(o.Commits, 10),
			strconv.FormatInt(o.Bytes, 10), strconv.FormatFloat(o.Seconds, 'f', -1, 64), messageOf(o),
		})
	}
	out.Flush()
	if err = errors.Join(out.Error(), f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), b.flags.results)
	}
	if err != nil {
		return fmt.Errorf("write --results: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
