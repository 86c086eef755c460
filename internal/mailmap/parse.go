package mailmap

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"rehome"
)

// A map is held in memory whole. Linux's has some eight hundred lines.
const (
	maxText  = 10 << 20 // bytes
	maxLines = 1_000_000
)

// Error lists every line of a map that is none.
type Error struct {
	Faults []Fault // in the order of the lines; at least one
}

// Fault is what is wrong with a line.
type Fault struct {
	Line int    // from 1
	Text string // the line, fit to show
	Why  string
}

func (e *Error) Error() string {
	first := e.Faults[0]
	text := fmt.Sprintf("line %d of the author map %s: %q", first.Line, first.Why, first.Text)
	if more := len(e.Faults) - 1; more > 0 {
		text += fmt.Sprintf(" (%d more bad lines)", more)
	}
	return text
}

// Parse reads an author map. The error is an *Error with every line that is neither a
// rule nor a comment or whose new identity CheckIdentity refuses, or a *rehome.Error with
// the code Invalid for a map of more than 10 MiB or a million lines.
//
// Lines that Git would pass over or read in part are refused, as it is likely that
// something else was meant. A byte order mark at the start is passed over.
func Parse(text []byte) (*Map, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if len(text) > maxText {
		return nil, tooLarge(fmt.Sprintf("%d MiB", maxText>>20))
	}
	if bytes.Count(text, []byte{'\n'}) >= maxLines {
		return nil, tooLarge(fmt.Sprintf("%d lines", maxLines))
	}
	m := &Map{people: map[rehome.Identity]change{}, mails: map[string]change{}, users: map[string]change{}}
	var faults []Fault
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimRight(line, space)
		rule, err := parseLine(line)
		switch {
		case err != nil:
			faults = append(faults, Fault{number, rehome.Clean(line, 200), err.Error()})
		case rule != nil:
			m.add(*rule)
			m.lines = append(m.lines, Line{number, line, *rule})
		}
	}
	if len(faults) > 0 {
		return nil, &Error{faults}
	}
	return m, nil
}

func tooLarge(limit string) error {
	return &rehome.Error{
		Code: rehome.Invalid, Field: "authors", Message: "The author map is larger than " + limit + ".",
		Hint: "Leave out the lines that change nobody.",
	}
}

// space is what Git trims.
const space = " \t\r\n"

// parseLine reads one line; nil for one that says nothing. The error completes a sentence
// that begins with the line.
func parseLine(line string) (*change, error) {
	rest := strings.TrimLeft(line, space)
	if rest == "" || line[0] == '#' {
		return nil, nil
	}
	if strings.IndexByte(line, 0) >= 0 {
		return nil, errors.New("holds a NUL")
	}
	first, rest, ok := cutPart(line)
	switch {
	case first.name != "" && first.name[0] == '#' && ok:
		return nil, errors.New("is a comment only when nothing stands before the #")
	case first.name != "" && first.name[0] == '#':
		return nil, nil
	case !ok && strings.Contains(line, "<"), first.open():
		return nil, errOpen
	case !ok:
		return nil, errors.New("has no <mail>")
	}
	second, after, two := cutPart(rest)
	if second.open() || !two && strings.Contains(rest, "<") && strings.TrimLeft(rest, space)[0] != '#' {
		return nil, errOpen
	}
	if !two {
		after = rest
	}
	if after = strings.TrimLeft(after, space); after != "" && after[0] != '#' {
		return nil, errors.New("goes on after its last <mail>")
	}
	user, name, assigns := strings.Cut(first.name, "=")
	rule, err := first.rule(second, two)
	if assigns && !two {
		rule, err = part{strings.Trim(name, space), first.mail}.userRule(strings.Trim(user, space))
	}
	if err != nil {
		return nil, err
	}
	return rule, rule.check()
}

var errOpen = errors.New("has a < without its >")

// part is one `Name <mail>` of a line.
type part struct{ name, mail string }

// open reports whether another part seems to begin before the > of this one.
func (p part) open() bool { return strings.Contains(p.mail, " <") }

// cutPart takes the first part off a line, false when there is no mail in it.
func cutPart(line string) (p part, rest string, ok bool) {
	name, after, open := strings.Cut(line, "<")
	p.name = strings.Trim(name, space)
	p.mail, rest, ok = strings.Cut(after, ">")
	return p, rest, open && ok
}

// rule is what a line of Git's forms says: p alone, or p in place of old.
func (p part) rule(old part, two bool) (*change, error) {
	switch {
	case p.mail == "":
		return nil, errors.New("has an empty mail first")
	case !two && p.name == "":
		return nil, errors.New("gives neither a new name nor a new mail")
	case !two:
		return &change{name: p.name, hasName: true, oldMail: p.mail}, nil
	}
	return &change{
		name: p.name, hasName: p.name != "", mail: p.mail, hasMail: true,
		oldName: old.name, namesOld: old.name != "", oldMail: old.mail,
	}, nil
}

// userRule is what a line of git-svn's form says.
func (p part) userRule(user string) (*change, error) {
	switch {
	case user == "":
		return nil, errors.New("names no user before the =")
	case p.name == "" && p.mail == "":
		return nil, errors.New("gives neither a new name nor a new mail")
	}
	return &change{name: p.name, hasName: p.name != "", mail: p.mail, hasMail: true, oldName: user, forUsers: true}, nil
}

func (c *change) check() error {
	err := CheckIdentity(c.name, c.mail)
	if err == nil {
		return nil
	}
	return fmt.Errorf("has a new %s that %s", rehome.AsError(err).Field, reason(c.name, c.mail))
}
