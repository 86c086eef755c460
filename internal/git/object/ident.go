package object

import (
	"bytes"
	"math"
	"strconv"
)

// Ident is who stands in an author, committer or tagger line. It is read as Git reads it: the name
// is what comes before the first '<', without the white space around it, the mail goes on to the next
// '>'. A line without such a pair has no mail and is all name, but for a date at its end.
type Ident struct {
	Name, Mail []byte // slices of the object
	Start, End int    // where `Name <mail>` stands in the object; End is 0 when there is no such line
}

// Found reports whether the object has the line.
func (i *Ident) Found() bool { return i.End > 0 }

// ParseIdent reads the identity in raw[start:end], the rest of a line after its key.
func ParseIdent(raw []byte, start, end int) Ident {
	line := raw[start:end]
	open := bytes.IndexByte(line, '<')
	if open >= 0 {
		if n := bytes.IndexByte(line[open:], '>'); n >= 0 {
			return Ident{
				Name:  bytes.Trim(line[:open], " \t\r\n"),
				Mail:  line[open+1 : open+n],
				Start: start,
				End:   start + open + n + 1,
			}
		}
	}
	line = line[:len(line)-dateLen(line)]
	return Ident{Name: bytes.Trim(line, " \t\r\n"), Start: start, End: start + len(line)}
}

// Date reads the Unix time of the line that i was read from in raw: behind the last mail of the line, as Git does. One that no
// calendar of four digits holds is none.
func (i *Ident) Date(raw []byte) (at int64, ok bool) {
	rest := raw[i.End:]
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	rest = bytes.TrimLeft(rest[bytes.LastIndexByte(rest, '>')+1:], " ")
	for n, c := range rest {
		if c < '0' || c > '9' {
			return at, n > 0 && c == ' '
		}
		if at = at*10 + int64(c-'0'); at >= afterCalendar {
			return 0, false
		}
	}
	return at, len(rest) > 0
}

const afterCalendar = 253402300800 // the year 10000 begins, seconds since 1970

// dateLen returns the length of " <seconds> <zone>" at the end of line, 0 when it is not there.
func dateLen(line []byte) int {
	i := bytes.LastIndexByte(line, ' ')
	if i < 1 || !isNumber(line[i+1:]) {
		return 0
	}
	i = bytes.LastIndexByte(line[:i], ' ')
	if i < 0 || !isNumber(line[i+1:i+1+bytes.IndexByte(line[i+1:], ' ')]) {
		return 0
	}
	return len(line) - i
}

// isNumber reports whether b is digits, with a sign or without.
func isNumber(b []byte) bool {
	if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
		b = b[1:]
	}
	return len(b) > 0 && digits(b) == len(b)
}

// digits counts the decimal digits b starts with.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// identFault returns the first fault of an identity line, as git fsck looks for them.
func identFault(line []byte) Fault {
	at := bytes.IndexAny(line, "<>")
	switch {
	case at == 0 && line[0] == '<':
		return MissingNameBeforeEmail
	case at < 0:
		return MissingEmail
	case line[at] == '>':
		return BadName
	case line[at-1] != ' ':
		return MissingSpaceBeforeEmail
	}
	line = line[at+1:]
	at = bytes.IndexAny(line, "<>")
	switch {
	case at < 0 || line[at] == '<':
		return BadEmail
	case at+1 == len(line) || line[at+1] != ' ':
		return MissingSpaceBeforeDate
	}
	return dateFault(line[at+2:])
}

// dateFault looks at "<seconds> <zone>".
func dateFault(date []byte) Fault {
	if len(date) > 0 && date[0] == '0' && (len(date) == 1 || date[1] != ' ') {
		return ZeroPaddedDate
	}
	n := digits(date)
	if n == 0 {
		return BadDate
	}
	if n > 18 {
		if v, err := strconv.ParseUint(string(date[:n]), 10, 64); err != nil || v > math.MaxInt64 {
			return BadDateOverflow
		}
	}
	if n == len(date) || date[n] != ' ' {
		return BadDate
	}
	zone := date[n+1:]
	if len(zone) != 5 || zone[0] != '+' && zone[0] != '-' || digits(zone[1:]) != 4 {
		return BadTimezone
	}
	return NoFault
}
