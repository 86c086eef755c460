package rewrite

import (
	"bytes"
	"encoding/hex"

	"rehome"
	"rehome/internal/git/object"
)

// minHash is the fewest hex digits that are taken for an abbreviated id, as Git abbreviates.
const minHash = 7

// message edits a message, line by line.
func (e *Editor) message(from, to int, renamed func(object.ID) object.ID) error {
	for from < to {
		end := min(e.lineEnd(from), to)
		rest := from
		if e.plan.Trailers != nil {
			var err error
			if rest, err = e.trailer(from, end); err != nil {
				return err
			}
		}
		if e.plan.Hashes {
			e.hashes(rest, end, renamed)
		}
		from = end + 1
	}
	return nil
}

// trailer maps who stands in a line such as `Co-authored-by: Name <mail>` and returns where
// the rest of the line begins, the line's start when it is no such line.
func (e *Editor) trailer(start, end int) (int, error) {
	line := e.raw[start:end]
	colon := bytes.IndexByte(line, ':')
	if colon < len("-by") || !bytes.EqualFold(line[colon-len("-by"):colon], []byte("-by")) || !isToken(line[:colon]) {
		return start, nil
	}
	i := object.ParseIdent(e.raw, start+colon+1, end)
	if i.Mail == nil {
		return start, nil
	}
	begin := i.Start
	for begin < i.End && (e.raw[begin] == ' ' || e.raw[begin] == '\t') {
		begin++ // Start is right after the colon
	}
	becomes, ok := e.plan.Trailers(rehome.Identity{Name: string(i.Name), Mail: string(i.Mail)})
	if !ok {
		return start, nil
	}
	with, err := e.encoded(&i, becomes)
	if err != nil {
		return start, err
	}
	e.replace(begin, i.End, with)
	return i.End, nil
}

// isToken reports whether b is a trailer's key (git-interpret-trailers): letters, digits and hyphens.
func isToken(b []byte) bool {
	for _, c := range b {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(b) > 0
}

// hashes renames the ids of commits in raw[from:to].
func (e *Editor) hashes(from, to int, renamed func(object.ID) object.ID) {
	forHashes(e.raw, from, to, 2*e.format.Size(), func(start, end int) {
		digits := e.raw[start:end]
		if id, ok := e.hash(digits, renamed); ok {
			e.replace(start, end, appendHex(nil, id)[:len(digits)])
		}
	})
}

// hash returns the new id of the commit that digits name.
func (e *Editor) hash(digits []byte, renamed func(object.ID) object.ID) (object.ID, bool) {
	if len(digits) < 2*e.format.Size() {
		if e.Abbreviated == nil {
			return object.ID{}, false
		}
		return e.Abbreviated(digits)
	}
	var sum [32]byte
	if _, err := hex.Decode(sum[:], digits); err != nil {
		return object.ID{}, false
	}
	old := object.FromBytes(e.format, sum[:])
	id := renamed(old)
	return id, id != old
}

// forHashes finds what may be a whole or abbreviated id of at most max digits in
// raw[from:to]: words of hex digits, with a letter among them when they are abbreviated,
// since most numbers are dates and counts.
func forHashes(raw []byte, from, to, max int, found func(start, end int)) {
	for at := from; at < to; {
		if !isWord(raw[at]) {
			at++
			continue
		}
		start, letters, isHex := at, false, true
		for ; at < to && isWord(raw[at]); at++ {
			c := raw[at]
			letters = letters || c >= 'a' && c <= 'f'
			isHex = isHex && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f')
		}
		n := at - start
		if isHex && n >= minHash && n <= max && (letters || n == max) {
			found(start, at)
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

// messageStart returns where an object's message starts.
func messageStart(raw []byte) int {
	at := bytes.Index(raw, []byte("\n\n"))
	if at < 0 {
		return len(raw)
	}
	return at + 2
}
