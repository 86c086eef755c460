// Package attributes reads .gitattributes files as Git does, and patterns written like theirs.
package attributes

import (
	"fmt"
	"strings"
)

const (
	maxPatterns = 1000
	maxPattern  = 4096 // bytes
	maxTogether = 256 << 10
)

// PatternError tells of a pattern that is none.
type PatternError struct {
	Index int // in the list, from 0
	Text  string
	Why   string // the end of a sentence that begins with the pattern
}

func (e *PatternError) Error() string { return fmt.Sprintf("pattern %q %s", e.Text, e.Why) }

// Patterns choose paths. It is safe for concurrent use; nil chooses none.
type Patterns struct {
	list  []string
	names basenames // those for the last part of a path
	paths paths     // the others
}

// ParsePatterns reads patterns written as in .gitattributes (gitignore, "Pattern format"),
// each as it is, without quotes or comments: one without a slash is for files of that name in
// any folder, one with a slash begins at the root, and "**" is for any folders. Beyond that,
// one that ends with a slash is for all that is below such a folder. The error is a
// *PatternError: for one that can match nothing, that begins with '!', that has a line feed
// or more than 4,096 bytes, or that comes after a thousand others or 256 KiB of them. No patterns match nothing.
func ParsePatterns(list []string) (*Patterns, error) {
	p := &Patterns{list: list}
	together := 0
	for i, text := range list {
		why := flaw(i, text)
		if together += len(text); why == "" && together > maxTogether {
			why = fmt.Sprintf("is too much: together they may have %d bytes", maxTogether)
		}
		if why == "" {
			why = p.add(text)
		}
		if why != "" {
			return nil, &PatternError{Index: i, Text: text, Why: why}
		}
	}
	p.paths.open(len(p.names.exact)+len(p.names.tails)+len(p.names.first) > 0)
	return p, nil
}

// flaw tells what is wrong with the i-th pattern at first sight.
func flaw(i int, text string) string {
	switch {
	case i >= maxPatterns:
		return fmt.Sprintf("is one too many: there may be %d", maxPatterns)
	case len(text) > maxPattern:
		return fmt.Sprintf("has more than %d bytes", maxPattern)
	case strings.Trim(text, "/") == "":
		return "names nothing"
	case strings.ContainsAny(text, "\n\x00"):
		return "has a line feed or a zero byte"
	case text[0] == '!':
		return `begins with "!", which takes nothing back here; write "\!" for a name that does`
	}
	return ""
}

// add takes one pattern in.
func (p *Patterns) add(text string) (why string) {
	if folder, is := strings.CutSuffix(text, "/"); is {
		if _, why = newPattern(folder); why != "" {
			return why
		}
		if !strings.Contains(folder, "/") {
			folder = "**/" + folder
		}
		text = folder + "/**"
	}
	one, why := newPattern(text)
	switch {
	case why != "":
	case one.base:
		p.names.add(one)
	default:
		p.paths.first = append(p.paths.first, p.paths.add(one))
	}
	return why
}

// String gives the patterns, one on each line.
func (p *Patterns) String() string {
	if p == nil {
		return ""
	}
	return strings.Join(p.list, "\n")
}

// Match tells whether a path, which is not a folder, is chosen.
func (p *Patterns) Match(path []byte) bool {
	if p == nil {
		return false
	}
	return p.names.match(base(path)) || p.paths.ends(p.paths.first, path)
}

// State is what the folders of a path leave open; from 0 nothing below can match.
type State uint32

// Start is the State of the root.
func (p *Patterns) Start() State {
	if p == nil || len(p.list) == 0 {
		return 0
	}
	return 1
}

// Enter is the State of a folder of a folder of State s.
func (p *Patterns) Enter(s State, folder []byte) State {
	if s == 0 || !p.Anchored() {
		return s
	}
	return p.paths.enter(s, folder)
}

// Matches tells whether a file in a folder of State s is chosen.
func (p *Patterns) Matches(s State, file []byte) bool {
	return s != 0 && (p.names.match(file) || p.paths.ends(p.paths.set(s), file))
}

// MayMatch tells whether a file of that name may be chosen in some folder. It may say so
// where there is none.
func (p *Patterns) MayMatch(file []byte) bool {
	if p == nil || len(file) == 0 {
		return false
	}
	return p.names.match(file) || p.paths.begins.has(file[0]) && p.paths.ends(p.paths.anywhere, file)
}

// Anchored tells whether folders matter: if not, each has the State of the root.
func (p *Patterns) Anchored() bool { return p != nil && len(p.paths.first) > 0 }
