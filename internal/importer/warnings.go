package importer

import (
	"context"
	"fmt"
	"strings"

	"rehome"
)

// The kinds of warning that a rewrite and a push bring up.
const (
	warnUnmatched = "unmatched_author_lines"
	warnKept      = "old_history_kept"
	warnNoLarge   = "no_large_files"

	warnDefaultBranch = "default_branch"
	warnAhead         = "moved_at_destination"
	warnSubmodules    = "submodules_elsewhere"
)

// maxNamed bounds the lines or refs that a warning names.
const maxNamed = 5

// pushWarnings is what a receipt warns of once the push is done, settled among it, and tells the watchers of
// what only the push brought up.
func (w *worker) pushWarnings(ctx context.Context, made madeLarge, settled []rehome.Warning) ([]rehome.Warning, error) {
	unmatched, err := w.unmatched(ctx)
	if err != nil {
		return nil, err
	}
	large, err := w.largePlanOf(ctx, &w.row)
	if err != nil {
		return nil, err
	}
	unmatched = append(append(unmatched, large.idleWarning(w.row.Changes)...), submoduleWarning(made.Submodules)...)
	w.warn(rehome.StepPush, settled)
	return append(unmatched, settled...), ctx.Err()
}

// aheadWarning names refs that somebody else moved on and that have nothing new at the source.
func aheadWarning(names []string) []rehome.Warning {
	if len(names) == 0 {
		return nil
	}
	return []rehome.Warning{{
		Kind: warnAhead, Count: int64(len(names)),
		Text: "Somebody else moved refs at the destination that are unchanged at the source; they stay as they are there: " + named(names) + ".",
	}}
}

// keptWarning names the refs that old history has to stay for, if there are any.
func keptWarning(refs []string) []rehome.Warning {
	if len(refs) == 0 {
		return nil
	}
	return []rehome.Warning{{
		Kind: warnKept, Count: int64(len(refs)),
		Text: "History from before the rewrite stays in the repository, with its names and mails, since these refs build on it: " + named(refs) +
			". Move them onto the new history with rehome carry, or delete them: the old history goes with them.",
	}}
}

// idleWarning is for a choice that found nothing to do.
func (p largePlan) idleWarning(did rehome.Changes) []rehome.Warning {
	if p.stays() || did.Files > 0 {
		return nil
	}
	what, match := "become Git LFS files", ""
	if p.Choice == rehome.LFSOptOut {
		what = "leave history"
	}
	if p.Match != "" {
		match = " or matches a pattern; Git LFS pointers and empty files do not count"
	}
	return []rehome.Warning{{
		Kind: warnNoLarge, Count: 1,
		Text: fmt.Sprintf("Large files were to %s, but there is none: no file has more than %d bytes%s.", what, p.Over, match),
	}}
}

// unmatched is the warning for lines of the whole map that turned out to be for nobody.
func (w *worker) unmatched(ctx context.Context) ([]rehome.Warning, error) {
	kept, ok, err := w.DB.AuthorMap(ctx, w.row.ID, 0)
	if err != nil || !ok {
		return nil, err
	}
	whole, err := readMap(kept)
	if err != nil {
		return nil, err
	}
	all, err := w.DB.Authors(ctx, w.row.ID, 0, 0)
	if err != nil {
		return nil, err
	}
	return whole.unmatchedWarning(all), nil
}

// unmatchedWarning is for those who know all authors.
func (w *wholeMap) unmatchedWarning(all []rehome.Author) []rehome.Warning {
	left := w.forNobody(all)
	if len(left) == 0 {
		return nil
	}
	one, many := "line", "lines"
	if w.lines == nil {
		one, many = "entry", "entries"
	}
	var texts []string
	for _, l := range left[:min(len(left), maxNamed+1)] {
		texts = append(texts, fmt.Sprintf("%s %d (%s)", one, l.Line, rehome.Clean(l.Text, 100)))
	}
	return []rehome.Warning{{
		Kind: warnUnmatched, Count: int64(len(left)),
		Text: fmt.Sprintf("The author map has %s for no author, committer or tagger of this history: %s.", many, named(texts)),
	}}
}

// named lists the first of names from outside, and says when there are more.
func named(names []string) string {
	var list []string
	for _, n := range names[:min(len(names), maxNamed)] {
		list = append(list, rehome.Clean(n, 200))
	}
	text := strings.Join(list, ", ")
	if len(names) > maxNamed {
		text += " and others"
	}
	return text
}
