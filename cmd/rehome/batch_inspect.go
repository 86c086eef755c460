package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/terminal"
)

// inspectAll says of every row what its move would do. Nothing moves.
func (b *batchRun) inspectAll(ctx context.Context) error {
	outcomes := make([]batch.Outcome, len(b.rows))
	found := make([]*rehome.Inspection, len(b.rows))
	var mu sync.Mutex
	next := 0
	notes := &lockedWriter{w: b.Stderr}
	batch.Each(ctx, len(b.rows), b.flags.parallel, func(n int) {
		i, o := b.inspectRow(ctx, n, notes)
		mu.Lock()
		defer mu.Unlock()
		outcomes[n], found[n] = o, i
		for ; next < len(b.rows) && outcomes[next].Status != ""; next++ { // in the order of the file
			b.printRow(next, outcomes[next], found[next])
		}
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := b.checkOrder(found); err != nil {
		return err
	}
	s := b.sum(outcomes)
	if err := b.writeResults(outcomes); err != nil {
		return err
	}
	if !b.json && !b.quiet {
		fmt.Fprintln(b.Stdout, inspectionTotals(found, s))
	}
	b.showDoubts(outcomes)
	return b.verdict(ctx, s)
}

// inspectRow runs one row as rehome import --dry-run --json does.
func (b *batchRun) inspectRow(ctx context.Context, n int, notes io.Writer) (*rehome.Inspection, batch.Outcome) {
	var out, said bytes.Buffer
	taker := &noteTaker{out: b.prefixed(n, notes)}
	defer taker.Close()
	flags := b.moves[n]
	flags.dryRun, flags.json, flags.quiet, flags.receipt, flags.commitMap = true, true, false, "", ""
	one := b.forRow(&out, taker)
	quiet := noWatcher()
	quiet.doubts = b.doubts.add
	one.watch = &quiet
	err := one.importOnce(ctx, b.rows[n].Source, b.rows[n].Destination, flags)
	i := new(rehome.Inspection)
	if err == nil {
		err = json.Unmarshal(out.Bytes(), i)
	}
	o := batch.Outcome{Status: batch.Done, Exit: report(&said, terminal.Style{}, ctx, err), Message: ""}
	if err != nil {
		o.Status, o.Message = batch.Failed, inOneLine(said.String())
		return nil, o
	}
	o.Commits, o.Bytes, o.Message = i.Commits, i.Bytes, "would be moved"
	return i, o
}

// printRow prints a line for a row.
func (b *batchRun) printRow(n int, o batch.Outcome, i *rehome.Inspection) {
	switch {
	case b.json && i != nil:
		out := json.NewEncoder(printable{b.Stdout})
		out.SetEscapeHTML(false)
		out.Encode(struct { //nolint:errcheck // a closed pipe ends the program by its signal
			Row rowName `json:"row"`
			rehome.Inspection
		}{b.name(n), *i})
	case i == nil:
		fmt.Fprintln(b.Stderr, b.line(n, o))
	case !b.quiet:
		row := b.rows[n]
		fmt.Fprintf(b.Stdout, "%s -> %s: %s\n", rehome.Clean(row.Source, 200), rehome.Clean(row.Destination, 200), inspectionLine(i))
	}
}

// inspectionLine says in a line what is there and what would change.
func inspectionLine(i *rehome.Inspection) string {
	parts := []string{
		fmt.Sprintf("%s, %s, %s, %s", plural(int64(i.Refs.Branches), "branch", "branches"), counted(int64(i.Refs.Tags), "tag"), counted(i.Commits, "commit"), bytesText(i.Bytes)),
	}
	add := func(n int64, thing, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %s", counted(n, thing), what))
		}
	}
	add(i.Plan.CommitsChanged, "commit", "would change")
	add(i.Plan.SignaturesDropped, "signature", "would be dropped")
	add(int64(len(i.LargeFiles)), "large file", "found")
	if l := i.Plan.LargeFiles; l != nil && l.Files > 0 {
		parts = append(parts, strings.Join(wouldBecome(l)[0][:], " "))
	}
	add(int64(len(i.Skipped)), "ref", "left behind")
	add(int64(len(i.Submodules)), "submodule", "found")
	add(int64(len(i.Plan.Refused)), "file", "the destination would not take")
	return strings.Join(parts, "; ")
}

func inspectionTotals(found []*rehome.Inspection, s sums) string {
	var all rehome.Inspection
	for _, i := range found {
		if i != nil {
			all.Commits, all.Bytes = all.Commits+i.Commits, all.Bytes+i.Bytes
			all.Plan.CommitsChanged += i.Plan.CommitsChanged
		}
	}
	text := fmt.Sprintf("%s: %d could be moved", repositories(s.rows), s.done)
	if s.failed > 0 {
		text += fmt.Sprintf(", %d not", s.failed)
	}
	return text + fmt.Sprintf("; %s, %s, %s would change", counted(all.Commits, "commit"), bytesText(all.Bytes), counted(all.Plan.CommitsChanged, "commit"))
}

// checkOrder finds rows that are submodules of each other.
func (b *batchRun) checkOrder(found []*rehome.Inspection) error {
	if !b.flags.submodules {
		return nil
	}
	urls := make([][]string, len(b.rows))
	for n, i := range found {
		if i != nil {
			for _, s := range i.Submodules {
				urls[n] = append(urls[n], s.URL)
			}
		}
	}
	return b.setOrder(urls)
}
