package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"rehome"
	"rehome/internal/batch"
	"rehome/internal/mailmap"
)

// batchDoubts are the doubts about the author maps of a batch: most lines of a map for many repositories match nobody in
// most of them, so that only those are worth a word that match nobody in any. Safe for concurrent use.
type batchDoubts struct {
	mu  sync.Mutex
	all map[string]*mapDoubts // by file; guarded by mu
}

// mapDoubts are those about one map.
type mapDoubts struct {
	doubts
	rows int // that told of it
}

// add takes what is known of a map once a row has seen its history.
func (a *batchDoubts) add(d *doubts) {
	if d.text == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.all[d.file]
	if of == nil {
		if a.all == nil {
			a.all = map[string]*mapDoubts{}
		}
		a.all[d.file] = &mapDoubts{*d, 1}
		return
	}
	left := make(map[mailmap.Line]bool, len(d.unmatched))
	for _, l := range d.unmatched {
		left[l] = true
	}
	of.rows++
	of.unmatched = slices.DeleteFunc(slices.Clone(of.unmatched), func(l mailmap.Line) bool { return !left[l] })
}

// texts are the doubts in words, by file. Of the maps in partly it is not known whom they match: rows with them did not run.
func (a *batchDoubts) texts(partly map[string]bool) (all []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, file := range slices.Sorted(maps.Keys(a.all)) {
		of := a.all[file]
		all = append(all, of.overridesTexts()...)
		switch {
		case partly[file]:
		case of.rows == 1:
			all = append(all, of.unmatchedTexts()...)
		default:
			for _, l := range of.unmatched {
				all = append(all, fmt.Sprintf("%s:%d: matches nobody in any of %s: %s", file, l.Number, repositories(of.rows), rehome.Clean(l.Text, 200)))
			}
		}
	}
	return all
}

// showDoubts lists them on standard error, when all rows have ended.
func (b *batchRun) showDoubts(outcomes []batch.Outcome) {
	partly := map[string]bool{}
	for n, o := range outcomes {
		if o.Earlier {
			partly[b.moves[n].plan.authorsName()] = true
		}
	}
	for _, text := range b.doubts.texts(partly) {
		fmt.Fprintf(b.Stderr, "%s %s\n", b.style().Yellow("warning:"), text)
	}
}
