package mailmap

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"rehome"
)

// String returns the map as text that Parse makes an equal map of: every rule once, in an
// order that depends on nothing but the rules.
func (m *Map) String() string {
	var b strings.Builder
	for _, id := range slices.SortedFunc(maps.Keys(m.people), byMail) {
		b.WriteString(m.people[id].String() + "\n")
	}
	for _, rules := range []map[string]change{m.mails, m.users} {
		for _, key := range slices.Sorted(maps.Keys(rules)) {
			b.WriteString(rules[key].String() + "\n")
		}
	}
	return b.String()
}

func byMail(a, b rehome.Identity) int {
	return cmp.Or(strings.Compare(a.Mail, b.Mail), strings.Compare(a.Name, b.Name))
}

func (c change) String() string {
	switch {
	case c.forUsers:
		return c.oldName + " = " + withName(c.name, c.mail)
	case !c.hasMail:
		return withName(c.name, c.oldMail)
	}
	return withName(c.name, c.mail) + " " + withName(c.oldName, c.oldMail)
}

func withName(name, mail string) string {
	return strings.TrimPrefix(name+" <"+mail+">", " ")
}

// Write writes a map to fill in: for each identity, in the order given, a line
// `Name <mail> Name <mail>` whose first half is what to change. Left as it is, the map
// changes nothing; for that, identities that a line cannot keep as they are stand there as
// comments. note may be nil; what it returns for the n-th identity is put behind it.
func Write(w io.Writer, ids []rehome.Identity, note func(n int) string) error {
	out := bufio.NewWriter(w)
	known := twinsOf(ids)
	for n, id := range ids {
		var notes []string
		if note != nil {
			notes = append(notes, note(n))
		}
		line, why := lineFor(id, known)
		if why != "" {
			line, notes = "# "+line, append(notes, why)
		}
		if len(notes) > 0 {
			line += " # " + strings.Join(notes, "; ")
		}
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

// lineFor returns an identity's rule, or the text to show and why it is not a rule.
func lineFor(id rehome.Identity, known twins) (line, why string) {
	shown, other := fromLatin1(id)
	half := withName(shown.Name, shown.Mail)
	line = half + " " + half
	if filled := withName(shown.Name, "new@mail") + " " + half; id.Mail == "" && writes(filled, shown) {
		return filled, "has no mail; a rule has to give one"
	}
	switch {
	case !writes(line, shown):
		return rehome.Clean(half, 3*maxPart), "cannot be written as a rule"
	case other:
		return line, "not UTF-8; as a rule it makes it so"
	case known.has(shown):
		return line, "another differs in case or encoding only; as a rule it is for both"
	}
	return line, ""
}

// writes reports whether a line is a rule for exactly this identity, and keeps its name.
func writes(line string, id rehome.Identity) bool {
	rule, err := parseLine(line)
	return err == nil && rule != nil && rule.apply(id).Name == id.Name && rule.oldName == id.Name && rule.oldMail == id.Mail
}

// twins tells which identities a rule cannot tell apart.
type twins struct {
	ids   map[rehome.Identity]int
	mails map[string]string // a spelling of each mail
	mixed map[string]bool   // mails of several spellings
}

func twinsOf(ids []rehome.Identity) twins {
	t := twins{map[rehome.Identity]int{}, map[string]string{}, map[string]bool{}}
	for _, id := range ids {
		as, _ := fromLatin1(id)
		t.ids[folded(as)]++
		mail := fold(as.Mail)
		if first, ok := t.mails[mail]; ok && first != id.Mail {
			t.mixed[mail] = true
		} else {
			t.mails[mail] = id.Mail
		}
	}
	return t
}

// has reports whether a rule for id is one for another identity, too. Without a name it
// is one for everybody with the mail.
func (t twins) has(id rehome.Identity) bool {
	return t.ids[folded(id)] > 1 || id.Name == "" && t.mixed[fold(id.Mail)]
}
