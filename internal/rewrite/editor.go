package rewrite

import (
	"bytes"
	"encoding/hex"

	"rehome"
	"rehome/internal/git/object"
)

// Editor makes single commits and tags anew. It is a pure function of the object, the plan
// and the ids handed in, and is for one goroutine.
//
// Only the bytes that have to differ do: ids, `Name <mail>` of author, committer and tagger
// lines, and what the plan says of messages. Dates are never read. What an object says of
// others' signatures (mergetag) is kept; its own signatures go when anything else changes.
type Editor struct {
	// Abbreviated returns the new id of the commit whose old id begins with the hex digits;
	// false when no commit does, or more than one. It is asked only with Plan.Hashes; may be nil.
	Abbreviated func(hex []byte) (object.ID, bool)

	format object.Format
	plan   Plan
	raw    []byte
	edits  []edit
	text   []byte // what edits put in
	out    []byte
}

// edit replaces raw[start:end].
type edit struct {
	start, end int
	with       []byte
	signature  bool // applies only when something else changes
}

// Edited is an object as it came out. Data is valid until the editor's next call; it
// is the old bytes when nothing changed.
type Edited struct {
	Data             []byte
	Changed          bool
	SignatureDropped bool
}

// NewEditor returns an editor for objects of format f.
func NewEditor(f object.Format, p Plan) *Editor { return &Editor{format: f, plan: p} }

// Commit returns a commit with its tree replaced, its parents renamed and the plan applied.
// A *rehome.Error with the code Invalid says that a name cannot be written in the encoding
// that the commit declares.
func (e *Editor) Commit(raw []byte, tree object.ID, renamed func(object.ID) object.ID) (Edited, error) {
	return e.commit(raw, func(object.ID) object.ID { return tree }, renamed)
}

// commit is Commit with the new tree as a function of the old one.
func (e *Editor) commit(raw []byte, tree, renamed func(object.ID) object.ID) (Edited, error) {
	e.begin(raw)
	at, inParents := 0, false
	if e.has(0, "tree ") {
		at, inParents = e.id(len("tree "), tree), true
	}
	for at < len(raw) && raw[at] != '\n' {
		if inParents = inParents && e.has(at, "parent "); inParents {
			at = e.id(at+len("parent "), renamed)
			continue
		}
		var err error
		if at, err = e.header(at, "author ", "committer "); err != nil {
			return Edited{}, err
		}
	}
	return e.finish(min(at+1, len(raw)), len(raw), renamed)
}

// Tag returns a tag with what it names renamed and the plan applied. Errors are as with Commit.
func (e *Editor) Tag(raw []byte, renamed func(object.ID) object.ID) (Edited, error) {
	e.begin(raw)
	at := 0
	if e.has(0, "object ") {
		at = e.id(len("object "), renamed)
	}
	for at < len(raw) && raw[at] != '\n' {
		var err error
		if at, err = e.header(at, "tagger "); err != nil {
			return Edited{}, err
		}
	}
	parts, _ := object.ParseTag(e.format, raw)
	from, end := min(at+1, len(raw)), len(raw)
	if parts.Message == from && parts.Sign >= from {
		end = parts.Sign
	}
	return e.finish(from, end, renamed)
}

func (e *Editor) begin(raw []byte) {
	e.raw, e.edits, e.text = raw, e.edits[:0], e.text[:0]
}

func (e *Editor) has(at int, key string) bool {
	rest := e.raw[at:]
	return len(rest) >= len(key) && string(rest[:len(key)]) == key
}

// lineEnd returns where the line at ends: at its line feed, or at the end of the object.
func (e *Editor) lineEnd(at int) int {
	if n := bytes.IndexByte(e.raw[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(e.raw)
}

// replace notes an edit. with is copied.
func (e *Editor) replace(start, end int, with []byte) {
	if bytes.Equal(e.raw[start:end], with) {
		return
	}
	from := len(e.text)
	e.text = append(e.text, with...)
	e.edits = append(e.edits, edit{start: start, end: end, with: e.text[from:len(e.text):len(e.text)]})
}

// id renames the id that stands from at to the end of its line, and returns where the next line starts.
func (e *Editor) id(at int, renamed func(object.ID) object.ID) int {
	end := e.lineEnd(at)
	next := min(end+1, len(e.raw))
	if end-at != 2*e.format.Size() {
		return next
	}
	var sum [32]byte
	if _, err := hex.Decode(sum[:], e.raw[at:end]); err != nil {
		return next
	}
	old := object.FromBytes(e.format, sum[:])
	if id := renamed(old); id != old {
		e.replace(at, end, appendHex(nil, id))
	}
	return next
}

func appendHex(b []byte, id object.ID) []byte {
	var sum [32]byte
	return hex.AppendEncode(b, id.AppendTo(sum[:0]))
}

// header edits the header at, with the lines that continue it, and returns where the next starts.
func (e *Editor) header(at int, people ...string) (int, error) {
	end := e.lineEnd(at)
	next := min(end+1, len(e.raw))
	for _, key := range people {
		if e.has(at, key) {
			return next, e.identity(at+len(key), end)
		}
	}
	if !e.has(at, "gpgsig ") && !e.has(at, "gpgsig-sha256 ") {
		return next, nil
	}
	for next < len(e.raw) && e.raw[next] == ' ' {
		next = min(e.lineEnd(next)+1, len(e.raw))
	}
	e.edits = append(e.edits, edit{start: at, end: next, signature: true})
	return next, nil
}

// identity maps who stands in raw[start:end].
func (e *Editor) identity(start, end int) error {
	i := object.ParseIdent(e.raw, start, end)
	becomes, ok := e.plan.Authors[rehome.Identity{Name: string(i.Name), Mail: string(i.Mail)}]
	if !ok {
		return nil
	}
	with, err := e.encoded(&i, becomes)
	if err != nil {
		return err
	}
	e.replace(i.Start, i.End, with)
	return nil
}

// finish edits the message in raw[from:to] and puts the object together. What follows to
// is a signature.
func (e *Editor) finish(from, to int, renamed func(object.ID) object.ID) (Edited, error) {
	if e.plan.Trailers != nil || e.plan.Hashes {
		if err := e.message(from, to, renamed); err != nil {
			return Edited{}, err
		}
	}
	if to < len(e.raw) {
		e.edits = append(e.edits, edit{start: to, end: len(e.raw), signature: true})
	}
	result := Edited{Data: e.raw}
	for _, d := range e.edits {
		result.Changed = result.Changed || !d.signature
		result.SignatureDropped = result.SignatureDropped || d.signature
	}
	if !result.Changed {
		return Edited{Data: e.raw}, nil
	}
	e.out = e.out[:0]
	at := 0
	for _, d := range e.edits {
		e.out = append(append(e.out, e.raw[at:d.start]...), d.with...)
		at = d.end
	}
	e.out = append(e.out, e.raw[at:]...)
	result.Data = e.out
	return result, nil
}
