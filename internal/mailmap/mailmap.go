// Package mailmap reads author maps and finds what an identity becomes.
//
// A map has one rule a line. The first four forms are Git's (gitmailmap), the fifth is git-svn's:
//
//	New Name <old@mail>                        a new name for whoever has the mail
//	<new@mail> <old@mail>                      a new mail
//	New Name <new@mail> <old@mail>             both
//	New Name <new@mail> Old Name <old@mail>    both, for those who have this name, too
//	user = New Name <new@mail>                 both, for whoever has user as name or as mail
//
// A line with one mail and an = before it is of the last form. Blank lines, lines that begin
// with # and what follows the last mail after a # are comments.
package mailmap

import (
	"iter"
	"strings"
	"unicode/utf8"

	"rehome"
)

// Map is a parsed author map. It does not change, so it is safe for concurrent use. The
// zero Map has no rules.
type Map struct { // keys have their ASCII letters in lower case
	people map[rehome.Identity]change // rules with an old name and mail
	mails  map[string]change          // with a mail alone, all of them as one
	users  map[string]change
	lines  []Line
}

// change is what a rule puts in place of an identity's parts.
type change struct {
	name, mail         string
	hasName, hasMail   bool
	oldName, oldMail   string // as written; what users have is in oldName
	namesOld, forUsers bool   // the old name counts, too; the rule is a user's
}

func (c change) apply(id rehome.Identity) rehome.Identity {
	if c.hasName {
		id.Name = c.name
	}
	if c.hasMail {
		id.Mail = c.mail
	}
	return id
}

// add takes a rule in. As in Git, rules for a mail alone add to one another, part by part,
// and every other rule replaces an earlier one for the same identity.
func (m *Map) add(c change) {
	switch {
	case c.forUsers:
		m.users[fold(c.oldName)] = c
		return
	case c.namesOld:
		m.people[folded(rehome.Identity{Name: c.oldName, Mail: c.oldMail})] = c
		return
	}
	mail := fold(c.oldMail)
	before := m.mails[mail]
	if !c.hasName {
		c.name, c.hasName = before.name, before.hasName
	}
	if !c.hasMail {
		c.mail, c.hasMail = before.mail, before.hasMail
	}
	m.mails[mail] = c
}

// Lookup returns what an identity becomes, false when no rule is for it. As in Git, a rule
// with name and mail comes before one with the mail alone, the case of ASCII letters does
// not count, and only the parts a rule gives are replaced. After those come the rules for
// users, by the name and then by the mail. An identity that is not UTF-8 and has no rule
// of its own is looked up as Latin-1, too.
func (m *Map) Lookup(id rehome.Identity) (rehome.Identity, bool) {
	if c, ok := m.find(id); ok {
		return c.apply(id), true
	}
	if as, ok := fromLatin1(id); ok {
		if c, ok := m.find(as); ok {
			return c.apply(id), true
		}
	}
	return id, false
}

func (m *Map) find(id rehome.Identity) (change, bool) {
	var room [128]byte
	name, mail := appendFold(room[:0:64], id.Name), appendFold(room[64:64], id.Mail)
	if c, ok := m.people[rehome.Identity{Name: string(name), Mail: string(mail)}]; ok {
		return c, true
	}
	if c, ok := m.mails[string(mail)]; ok {
		return c, true
	}
	if c, ok := m.users[string(name)]; ok {
		return c, true
	}
	c, ok := m.users[string(mail)]
	return c, ok
}

// Line is a line of a map that holds a rule.
type Line struct {
	Number int // from 1
	Text   string
	rule   change
}

// Lines lists the lines that hold rules, in the order they were read.
func (m *Map) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for _, l := range m.lines {
			if !yield(l) {
				return
			}
		}
	}
}

// Matches reports whether the line's rule is for an identity, even where another one
// comes before it.
func (l Line) Matches(id rehome.Identity) bool {
	if l.matches(id) {
		return true
	}
	as, ok := fromLatin1(id)
	return ok && l.matches(as)
}

func (l Line) matches(id rehome.Identity) bool {
	name, mail := fold(id.Name), fold(id.Mail)
	switch old := fold(l.rule.oldName); {
	case l.rule.forUsers:
		return old == name || old == mail
	case l.rule.namesOld && old != name:
		return false
	}
	return fold(l.rule.oldMail) == mail
}

// Unmatched lists the lines that match none of the identities, in time that grows with
// their numbers and not with the product.
func (m *Map) Unmatched(ids iter.Seq[rehome.Identity]) []Line {
	names, mails, both := map[string]bool{}, map[string]bool{}, map[rehome.Identity]bool{}
	see := func(id rehome.Identity) {
		id = folded(id)
		names[id.Name], mails[id.Mail], both[id] = true, true, true
	}
	for id := range ids {
		see(id)
		if as, ok := fromLatin1(id); ok {
			see(as)
		}
	}
	var left []Line
	for _, l := range m.lines {
		name, mail := fold(l.rule.oldName), fold(l.rule.oldMail)
		found := mails[mail]
		switch {
		case l.rule.forUsers:
			found = names[name] || mails[name]
		case l.rule.namesOld:
			found = both[rehome.Identity{Name: name, Mail: mail}]
		}
		if !found {
			left = append(left, l)
		}
	}
	return left
}

// fromLatin1 reads an identity that is not UTF-8 as Latin-1, in which each byte is the
// code point of its value; false for one that is UTF-8.
func fromLatin1(id rehome.Identity) (rehome.Identity, bool) {
	if utf8.ValidString(id.Name) && utf8.ValidString(id.Mail) {
		return id, false
	}
	return rehome.Identity{Name: latin1(id.Name), Mail: latin1(id.Mail)}, true
}

func latin1(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func folded(id rehome.Identity) rehome.Identity {
	return rehome.Identity{Name: fold(id.Name), Mail: fold(id.Mail)}
}

// fold returns s with its ASCII letters in lower case.
func fold(s string) string { return string(appendFold(nil, s)) }

func appendFold(b []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}
