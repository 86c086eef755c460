package source

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"rehome"
	"rehome/internal/glob"
)

// RefChoice says by name which refs of a source come; the zero value lets all of them come. In a pattern *
// stands for any characters, also none and slashes, and ? for one; it covers the whole name. One that does not begin with
// refs/ means branches and tags of such names.
type RefChoice struct {
	Include []string // empty is all
	Exclude []string // counts more
}

// Why refs were left out, in Result.Skipped.
const (
	reasonNotIncluded = "left out by refs"
	reasonExcluded    = "left out by exclude_refs"
)

// Reason returns why the ref of that full name does not come, "" when it does.
func (c RefChoice) Reason(name string) string {
	switch {
	case matchesAny(c.Exclude, name):
		return reasonExcluded
	case len(c.Include) > 0 && !matchesAny(c.Include, name):
		return reasonNotIncluded
	}
	return ""
}

// LeftByChoice reports whether a RefChoice is the reason why a ref was skipped.
func LeftByChoice(reason string) bool { return reason == reasonExcluded || reason == reasonNotIncluded }

// Names reports whether a pattern that begins with below, such as refs/pull/, asks for the ref of that full name. Refs that
// stay behind by rule do not for such a pattern.
func (c RefChoice) Names(name, below string) bool {
	for _, p := range c.Include {
		if strings.HasPrefix(p, below) && glob.Match(p, name) {
			return true
		}
	}
	return false
}

// Idle returns the patterns of Include that match none of a source's refs, given by their full names.
func (c RefChoice) Idle(names iter.Seq[string]) []string {
	idle := slices.Clone(c.Include)
	for name := range names {
		if len(idle) == 0 {
			return nil
		}
		idle = slices.DeleteFunc(idle, func(p string) bool { return matches(p, name) })
	}
	return idle
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	if strings.HasPrefix(pattern, "refs/") {
		return glob.Match(pattern, name)
	}
	for _, kind := range []string{"refs/heads/", "refs/tags/"} {
		if short, ok := strings.CutPrefix(name, kind); ok && glob.Match(pattern, short) {
			return true
		}
	}
	return false
}

// What is taken of patterns.
const (
	maxRefPatterns = 200
	maxRefPattern  = 1024 // bytes
)

// CheckRefPatterns returns the patterns in order, each once, as a RefChoice takes them. A bad one, or too many of them,
// is an Invalid error about the field.
func CheckRefPatterns(field string, patterns []string) ([]string, error) {
	invalid := func(format string, args ...any) ([]string, error) {
		return nil, &rehome.Error{Code: rehome.Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	if len(patterns) > maxRefPatterns {
		return invalid("There are %d patterns of refs, more than %d.", len(patterns), maxRefPatterns)
	}
	var good []string
	seen := map[string]bool{}
	for _, p := range patterns {
		if err := CheckRefPattern(field, p); err != nil {
			return nil, err
		}
		if !seen[p] {
			seen[p] = true
			good = append(good, p)
		}
	}
	return good, nil
}

// CheckRefPattern says in an Invalid error about the field what is wrong with a pattern, if anything is.
func CheckRefPattern(field, pattern string) error {
	why := ""
	switch {
	case pattern == "":
		why = "is empty"
	case len(pattern) > maxRefPattern:
		why = fmt.Sprintf("is longer than %d bytes", maxRefPattern)
	case !utf8.ValidString(pattern):
		why = "is not UTF-8"
	case strings.IndexFunc(pattern, func(r rune) bool { return r <= ' ' || r == 0x7f }) >= 0:
		why = "holds a space or a control character, which no ref's name has"
	default:
		return nil
	}
	return &rehome.Error{
		Code: rehome.Invalid, Field: field, Message: fmt.Sprintf("A pattern of refs %s: %q.", why, rehome.Clean(pattern, 100)),
		Hint: "Give full names such as refs/heads/main, or short ones; * stands for any characters, ? for one.",
	}
}
