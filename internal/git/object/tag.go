package object

// TagParts is where the parts of a tag are. Its slices are the tag's own bytes.
type TagParts struct {
	Object  ID
	Type    Type // of the object
	Name    []byte
	Tagger  Ident // old tags have none
	Message int   // where the message starts
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
	return t, h.finish(NoFault)
}

// rest steps over headers after the tagger, as signatures for the other object format. A tagger that
// comes late counts all the same.
func (t *TagParts) rest(h *headers) {
	for h.more() {
		if !t.Tagger.Found() && h.has("tagger ") {
			t.Tagger, _ = h.ident("tagger ")
			continue
		}
		h.line()
	}
	t.Message = h.body()
}
