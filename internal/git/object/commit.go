package object

import (
	"bytes"
	"encoding/hex"
	"iter"
)

// CommitParts is where the parts of a commit are. Its slices are the commit's own bytes.
type CommitParts struct {
	Tree      ID
	Author    Ident
	Committer Ident
	Encoding  []byte // of names and message; nil for UTF-8
	Signed    bool   // it has a gpgsig header
	Message   int    // where the message starts
	parents   []byte // the parent lines
	format    Format
}

// Parents returns the ids of the parents, in order.
func (c *CommitParts) Parents() iter.Seq[ID] {
	return func(yield func(ID) bool) {
		size := len("parent ") + 2*c.format.Size() + 1
		for p := c.parents; len(p) >= size; p = p[size:] {
			if id, ok := hexID(c.format, p[len("parent "):]); !ok || !yield(id) {
				return
			}
		}
	}
}

// ParseCommit reads a commit as leniently as Git does and returns its faults. With a dangerous one
// the parts before it are right and the rest is missing.
func ParseCommit(f Format, raw []byte) (CommitParts, Faults) {
	c := CommitParts{format: f}
	h := headers{raw: raw, format: f}
	if !h.key("tree ") {
		return c, h.fault(MissingTree)
	}
	var ok bool
	if c.Tree, ok = h.id(); !ok || h.at == len(raw) { // Git reads no commit that ends there, or behind a parent
		return c, h.fault(BadTreeSHA1)
	}
	start := h.at
	for h.key("parent ") {
		if _, ok := h.id(); !ok || h.at == len(raw) {
			return c, h.fault(BadParentSHA1)
		}
	}
	c.parents = raw[start:h.at]
	if c.Author, ok = h.ident("author "); !ok {
		h.found.Add(MissingAuthor)
	}
	for h.has("author ") {
		h.found.Add(MultipleAuthors)
		h.line()
	}
	if c.Committer, ok = h.ident("committer "); !ok {
		h.found.Add(MissingCommitter)
	}
	c.rest(&h)
	return c, h.finish(NulInCommit)
}

// rest reads the headers after the committer. An author or committer that stands
// somewhere else than it should counts all the same.
func (c *CommitParts) rest(h *headers) {
	for h.more() {
		switch {
		case h.key("encoding "):
			c.Encoding = h.line()
		case h.key("gpgsig "), h.key("gpgsig-sha256 "):
			c.Signed = true
			h.line()
		case !c.Author.Found() && h.has("author "):
			c.Author, _ = h.ident("author ")
		case !c.Committer.Found() && h.has("committer "):
			c.Committer, _ = h.ident("committer ")
		default:
			h.line()
		}
	}
	c.Message = h.body()
}

// headers walks the header lines of a commit or tag.
type headers struct {
	raw    []byte
	at     int
	format Format
	found  Faults
}

// fault returns what was found and f.
func (h *headers) fault(f Fault) Faults {
	h.found.Add(f)
	return h.found
}

func (h *headers) has(key string) bool {
	rest := h.raw[h.at:]
	return len(rest) >= len(key) && string(rest[:len(key)]) == key
}

// key steps over key if the next line starts with it.
func (h *headers) key(key string) bool {
	if !h.has(key) {
		return false
	}
	h.at += len(key)
	return true
}

// id reads an id that ends its line.
func (h *headers) id() (ID, bool) {
	end := h.at + 2*h.format.Size()
	if end >= len(h.raw) || h.raw[end] != '\n' {
		return ID{}, false
	}
	id, ok := hexID(h.format, h.raw[h.at:])
	h.at = end + 1
	return id, ok
}

// line returns the rest of the line and steps over it.
func (h *headers) line() []byte {
	line, _, _ := bytes.Cut(h.raw[h.at:], []byte{'\n'})
	h.at = min(h.at+len(line)+1, len(h.raw))
	return line
}

// ended reports whether what was stepped over last ended its line.
func (h *headers) ended() bool { return h.at > 0 && h.raw[h.at-1] == '\n' }

// ident reads an identity line with the key and takes down its first fault.
func (h *headers) ident(key string) (Ident, bool) {
	if !h.key(key) {
		return Ident{}, false
	}
	start := h.at
	line := h.line()
	h.found.Add(identFault(line))
	return ParseIdent(h.raw, start, start+len(line)), true
}

// more reports whether another header line follows.
func (h *headers) more() bool { return h.at < len(h.raw) && h.raw[h.at] != '\n' }

// body steps over the empty line and returns where the message starts.
func (h *headers) body() int {
	if h.at == len(h.raw) {
		if !h.ended() {
			h.found.Add(UnterminatedHeader)
		}
		return h.at
	}
	h.at++
	return h.at
}

// finish looks for NUL bytes, which Git takes for the end of an object; inBody is the fault for one
// in the message.
func (h *headers) finish(inBody Fault) Faults {
	if nul := bytes.IndexByte(h.raw, 0); nul >= h.at {
		h.found.Add(inBody)
	} else if nul >= 0 {
		h.found.Add(NulInHeader)
	}
	return h.found
}

// hexID reads the id in hex at the start of b, which must be long enough.
func hexID(f Format, b []byte) (ID, bool) {
	id := ID{format: f}
	_, err := hex.Decode(id.sum[:], b[:2*f.Size()])
	return id, err == nil
}
