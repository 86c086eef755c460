package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/terminal"
)

// move runs one row as rehome import does.
func (b *batchRun) move(ctx context.Context, n int, ours bool) batch.Outcome {
	row, flags := b.rows[n], b.moves[n]
	show := b.show.row(n)
	defer show.close()
	notes := &noteTaker{out: show.notes}
	defer notes.Close()
	o := batch.Outcome{Status: batch.Failed, Exit: exitFailed}
	aside, err := setAside(row.Destination, ours)
	if err == nil {
		flags.submodules, err = b.movedInside(n)
	}
	if err == nil {
		flags.json, flags.quiet = b.json, !b.json
		flags.commitMap, flags.to.state = b.mapFile(n), b.state
		one := b.forRow(io.Discard, notes)
		one.watch = &watcher{event: func(e rehome.Event) {
			count(&o, e)
			show.event(e)
		}, note: show.note, close: func() {}, doubts: b.doubts.add, arrived: func(r moved) {
			o.Commits, o.News = r.Head.Commits, r.news()
		}}
		err = one.importOnce(ctx, row.Source, row.Destination, flags)
	}
	var said bytes.Buffer
	o.Exit = report(&said, terminal.Style{}, ctx, errors.Join(err, aside.end(err)))
	o.Message = inOneLine(said.String())
	switch o.Exit {
	case exitDone:
		o.Status = batch.Done
	case exitPartly:
		o.Status, o.Message = batch.Partly, notes.lost()
	case exitInterrupted:
		o.Status, o.Message = batch.Interrupted, "interrupted"
		if kept := (*keptError)(nil); errors.As(err, &kept) && kept.pushing {
			o.Pushing, o.Message = true, "interrupted; the destination may have part of the refs"
		}
	}
	return o
}

// forRow is the program for one row: nobody can be asked.
func (b *batchRun) forRow(out, notes io.Writer) *Main {
	return &Main{Stdout: out, Stderr: notes, Getenv: b.Getenv, interrupts: b.interrupts}
}

// count takes from events what the results hold.
func count(o *batch.Outcome, e rehome.Event) {
	if e.Kind == rehome.EventProgress && e.Step == rehome.StepRaw && e.ProgressEvent != nil {
		o.Bytes = max(o.Bytes, e.Bytes)
	}
}

// inOneLine joins what report said.
func inOneLine(said string) string {
	what, todo, _ := strings.Cut(strings.TrimPrefix(said, "rehome: "), "\n")
	todo, _, _ = strings.Cut(todo, "\n") // what is kept is said once, of the batch
	if todo = strings.TrimSpace(todo); todo != "" && !strings.HasSuffix(what, ".") {
		what += "."
	}
	return rehome.Clean(what+" "+todo, 2000)
}

// noteTaker hands lines on and remembers what was not carried.
type noteTaker struct {
	out io.Writer

	mu   sync.Mutex
	rest []byte   // a line that is not whole yet; guarded by mu, as the next two
	left []string // the first of what was not carried
	more int
}

const notCarried = "not carried: "

// Write implements io.Writer.
func (t *noteTaker) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		t.line(string(line))
		t.rest = rest
	}
}

func (t *noteTaker) line(line string) {
	if what, ok := strings.CutPrefix(line, notCarried); ok {
		if len(t.left) < 3 {
			t.left = append(t.left, what)
		} else {
			t.more++
		}
	}
	fmt.Fprintln(t.out, line)
}

// Close hands on a line without an end.
func (t *noteTaker) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		t.line(string(t.rest))
		t.rest = nil
	}
}

// lost says what was not carried.
func (t *noteTaker) lost() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := notCarried + strings.Join(t.left, ", ")
	if t.more > 0 {
		text += fmt.Sprintf(" and %d more", t.more)
	}
	return rehome.Clean(text, 2000)
}

// isFree reports whether nothing is at a path, or an empty folder.
func isFree(dir string) bool {
	entries, err := os.ReadDir(dir)
	return errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0
}

// before is what a run that was killed left at a destination. While the row runs again it lies aside.
type before struct {
	dir, aside string // "" for nothing
}

// setAside moves away what an earlier run of a row left at its destination, if that is sure to be its own. It is whole:
// a folder gets its name in the end only. But its receipt or its commit map may not have been written any more. The
// folder above is made, which rows that run at the same time may share.
func setAside(destination string, ours bool) (before, error) {
	if !remote.Local(destination) {
		return before{}, nil
	}
	dir, err := filepath.Abs(destination)
	if err != nil {
		return before{}, fmt.Errorf("find the destination: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return before{}, fmt.Errorf("make the destination's folder: %w", err)
	}
	b := before{dir, filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+".rehome-before")}
	if !ours || isFree(dir) {
		return b, nil
	}
	if !isFree(b.aside) {
		if err := b.drop(); err != nil {
			return before{}, err
		}
	}
	if err := os.Rename(dir, b.aside); err != nil {
		return before{}, fmt.Errorf("set aside what the run before left: %w", err)
	}
	return b, nil
}

// end removes what lies aside once the row is done, and puts it back where nothing came of it.
func (b before) end(failed error) error {
	if b.dir == "" || isFree(b.aside) {
		return nil
	}
	if failed == nil || errors.Is(failed, errPartly) {
		return b.drop()
	}
	if !isFree(b.dir) {
		return nil
	}
	os.Remove(b.dir) // an empty folder
	if err := os.Rename(b.aside, b.dir); err != nil {
		return fmt.Errorf("put back what the run before left: %w", err)
	}
	return nil
}

// drop removes what lies aside if the destination has all of its refs.
func (b before) drop() error {
	old, err := refsIn(b.aside)
	if err != nil {
		return err
	}
	now, err := refsIn(b.dir)
	if err != nil {
		return err
	}
	if !slices.Equal(old, now) {
		return fmt.Errorf("what the run before left has other refs than %q; it is kept in %q", b.dir, b.aside)
	}
	if err := os.RemoveAll(b.aside); err != nil {
		return fmt.Errorf("remove what the run before left: %w", err)
	}
	return nil
}

func refsIn(dir string) ([]repo.Ref, error) {
	r, err := repo.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", dir, err)
	}
	return r.Refs()
}
