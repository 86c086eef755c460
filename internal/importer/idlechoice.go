package importer

import (
	"fmt"
	"strings"

	"rehome"
	"rehome/internal/source"
)

// The kinds of warning about a choice of refs.
const (
	warnIdleRefs = "unmatched_refs"
	warnHeadLeft = "default_branch_left"
)

// choiceWarnings is about patterns of refs that match nothing at the source, and about a default branch that they
// leave behind. branch is the short name that it was to get, "" for its own.
func choiceWarnings(c source.RefChoice, branch string, got source.Result) (all []rehome.Warning) {
	if idle := c.Idle(namesOf(got)); len(idle) > 0 && len(got.Refs)+len(got.Skipped) > 0 {
		all = append(all, rehome.Warning{
			Kind: warnIdleRefs, Count: int64(len(idle)),
			Text: "Of the patterns that choose refs, these match none of the source: " + named(idle) + ".",
		})
	}
	if got.HeadLeft == "" {
		return all
	}
	text := fmt.Sprintf("The source's default branch, %q, stays behind, as the patterns that choose refs say", rehome.Clean(strings.TrimPrefix(got.HeadLeft, "refs/heads/"), 200))
	if branch != "" {
		text += fmt.Sprintf("; so no branch gets the name %q", branch)
	}
	return append(all, rehome.Warning{Kind: warnHeadLeft, Count: 1, Text: text + "."})
}

// namesOf gives the full names of all refs of a source.
func namesOf(got source.Result) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, r := range got.Refs {
			if !yield(r.Name) {
				return
			}
		}
		for _, s := range got.Skipped {
			name := s.Name
			if s.NameBytes != nil {
				name = string(s.NameBytes)
			}
			if !yield(name) {
				return
			}
		}
	}
}

// ofChoice reports whether a warning is one of choiceWarnings.
func ofChoice(w rehome.Warning) bool { return w.Kind == warnIdleRefs || w.Kind == warnHeadLeft }
