package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"rehome"
	"rehome/internal/source"
	"rehome/internal/source/git"
)

// moved is what came of a move.
type moved struct {
	rehome.Receipt
	before *rehome.Receipt // of the run before with the same state; nil for none
	seen   *movement       // on a terminal; nil elsewhere
}

// news says what a run brought that was not there, "" where it was the first.
func (r moved) news() string {
	switch {
	case len(r.Refs.Refs)+len(r.Refs.Skipped) == 0:
		return "the source is empty"
	case len(r.Refs.Refs) == 0:
		return "no branch or tag comes along"
	case r.before == nil:
		return ""
	}
	return rehome.NewsOf(r.before, &r.Receipt).String()
}

// keptTips counts the refs that keep what others were.
func keptTips(r rehome.Receipt) (n int64) {
	for _, ref := range r.Refs.Replaced {
		if ref.Kept != "" {
			n++
		}
	}
	return n
}

// earlier is the receipt of the run before; nil for none.
func (s *single) earlier(ctx context.Context) (*rehome.Receipt, error) {
	text, err := s.importer.Receipt(ctx, s.repo.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := parsedReceipt(text)
	return &r, err
}

func parsedReceipt(text []byte) (r rehome.Receipt, err error) {
	err = errors.Join(json.Unmarshal(text, &r.Head), json.Unmarshal(text, &r.Refs), json.Unmarshal(text, &r.Body))
	if err != nil {
		return r, fmt.Errorf("read receipt: %w", err)
	}
	return r, nil
}

// summarize says what arrived and what did not.
func (m *Main) summarize(r moved, dest string, f importFlags) error {
	if m.watch != nil && m.watch.arrived != nil {
		m.watch.arrived(r)
	}
	byRule, byChoice, lost := 0, 0, []string{}
	for _, ref := range r.Refs.Skipped {
		switch {
		case source.LeftByChoice(ref.Reason):
			byChoice++
		case git.LeftByRule(ref.Name):
			byRule++
		default:
			lost = append(lost, fmt.Sprintf("%s (%s)", rehome.Clean(ref.Name, 400), ref.Reason))
		}
	}
	if !f.json && !f.quiet {
		m.sayArrived(r, dest, int64(byRule), int64(byChoice))
		if r.seen != nil {
			m.sayTotals(r, dest, f)
		}
		m.sayWarnings(r.Body.Warnings, r.seen)
	}
	lost = append(lost, missingLFS(r.Body.LFS.Missing)...)
	for _, what := range lost {
		fmt.Fprintf(m.Stderr, "%s%s\n", m.style().Yellow(notCarried), what)
	}
	if len(lost) > 0 {
		return errPartly
	}
	return nil
}

func (m *Main) sayArrived(r moved, dest string, byRule, byChoice int64) {
	refs := int64(len(r.Refs.Refs))
	all := fmt.Sprintf("%s, %s and %s", counted(r.Head.Carried, "commit"), counted(refs, "ref"), counted(r.Body.Authors.Identities, "author"))
	switch news := r.news(); {
	case refs == 0:
		fmt.Fprintf(m.Stdout, "%s are in %s: %s\n", all, dest, news)
	case news != "":
		fmt.Fprintf(m.Stdout, "%s; %s are in %s\n", news, all, dest)
	default:
		fmt.Fprintf(m.Stdout, "%s are in %s\n", all, dest)
	}
	if n := keptTips(r.Receipt); n > 0 {
		fmt.Fprintf(m.Stdout, "%s there below refs/rehome/kept/; --receipt lists them\n", plural(n, "old tip stays", "old tips stay"))
	}
	if byRule > 0 {
		fmt.Fprintf(m.Stdout, "%s behind; --receipt lists them\n", plural(byRule, "ref of the old forge stays", "refs of the old forge stay"))
	}
	if byChoice > 0 {
		fmt.Fprintf(m.Stdout, "%s behind as --refs and --exclude-refs say; --receipt lists them\n", plural(byChoice, "ref stays", "refs stay"))
	}
}
