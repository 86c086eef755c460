package object

import "bytes"

// TagParts is where the parts of a tag are. Its slices are the tag's own bytes.
type TagParts struct {
	Object  ID
	Type    Type // of the object
	Name    []byte
	Tagger  Ident // old tags have none
	Message int   // where the message starts
	Signed  bool  // it ends in a signature, or has one in its header
	Sign    int   // where the signature starts; the tag's length when it does not end in one
}

// ParseTag reads a tag as leniently as Git does and returns its faults. With a dangerous one
// the parts before it are right and the rest is missing.
func ParseTag(f Format, raw []byte) (TagParts, Faults) {
	t := TagParts{}
	h := headers{raw: raw, format: f}
	if !h.key("object ") {
		return t, h.fault(MissingObject)
	}
	var ok bool
	if t.Object, ok = h.id(); !ok {
		return t, h.fault(BadObjectSHA1)
	}
	if !h.key("type ") {
		return t, h.fault(MissingTypeEntry)
	}
	var err error
	if t.Type, err = ParseType(string(h.line())); err != nil {
		return t, h.fault(BadType)
	}
	if !h.key("tag ") {
		return t, h.fault(MissingTagEntry)
	}
	if t.Name = h.line(); !h.ended() {
		return t, h.fault(MissingTag)
	}
	if CheckRefName("refs/tags/"+string(t.Name)) != nil {
		h.found.Add(BadTagName)
	}
	if t.Tagger, ok = h.ident("tagger "); !ok {
		h.found.Add(MissingTaggerEntry)
	}
	t.rest(&h)
	t.Sign = t.Message + signature(raw[t.Message:])
	t.Signed = t.Signed || t.Sign < len(raw)
	return t, h.finish(NoFault)
}

// signatures are the lines signatures begin with (gitformat-signature).
var signatures = [][]byte{
	[]byte("-----BEGIN PGP SIGNATURE-----"),
	[]byte("-----BEGIN PGP MESSAGE-----"),
	[]byte("-----BEGIN SSH SIGNATURE-----"),
	[]byte("-----BEGIN SIGNED MESSAGE-----"),
}

// signature returns where in a tag's message the signature starts, as Git looks for it: at
// the last line that begins one. Without one it is the message's length.
func signature(message []byte) int {
	at := len(message)
	for from := 0; from < len(message); {
		begin := bytes.Index(message[from:], signatures[0][:len("-----BEGIN ")])
		if begin < 0 {
			break
		}
		begin += from
		from = begin + 1
		if begin > 0 && message[begin-1] != '\n' {
			continue
		}
		for _, s := range signatures {
			if bytes.HasPrefix(message[begin:], s) {
				at = begin
			}
		}
	}
	return at
}

// rest steps over headers after the tagger, as signatures for the other object format. A tagger that
// comes late counts all the same.
func (t *TagParts) rest(h *headers) {
	for h.more() {
		if !t.Tagger.Found() && h.has("tagger ") {
			t.Tagger, _ = h.ident("tagger ")
			continue
		}
		t.Signed = t.Signed || h.has("gpgsig ") || h.has("gpgsig-sha256 ")
		h.line()
	}
	t.Message = h.body()
}
