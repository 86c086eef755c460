package mailmap

import "rehome"

// Override is a line that takes the place of an earlier one, for the same identities.
type Override struct {
	Line    Line
	Earlier int // number of the line it overrides
}

// said is what a line gives, and to whom.
type said struct {
	kind byte // 'p'erson, 'u'ser, 'n'ame or 'm'ail of whoever has a mail
	id   rehome.Identity
}

// Overrides lists the lines that say something else than an earlier one of the same form for the same identities.
func (m *Map) Overrides() []Override {
	type gift struct {
		text   rehome.Identity
		number int
	}
	before := map[said]gift{}
	var all []Override
	for _, l := range m.lines {
		overrides := 0
		for to, text := range l.rule.gives() {
			if was, ok := before[to]; ok && was.text != text {
				overrides = max(overrides, was.number)
			}
			before[to] = gift{text, l.Number}
		}
		if overrides > 0 {
			all = append(all, Override{l, overrides})
		}
	}
	return all
}

// gives is what a rule puts in place of what: for a mail alone the name and the mail add to one another.
func (c change) gives() map[said]rehome.Identity {
	to, id := rehome.Identity{Name: c.name, Mail: c.mail}, folded(rehome.Identity{Name: c.oldName, Mail: c.oldMail})
	switch {
	case c.forUsers:
		return map[said]rehome.Identity{{'u', id}: to}
	case c.namesOld:
		return map[said]rehome.Identity{{'p', id}: to}
	}
	all := map[said]rehome.Identity{}
	if c.hasName {
		all[said{'n', id}] = rehome.Identity{Name: c.name}
	}
	if c.hasMail {
		all[said{'m', id}] = rehome.Identity{Mail: c.mail}
	}
	return all
}
