package protocol

import (
	"bytes"
	"io"
	"strings"

	"rehome/internal/git/object"
)

// LsRefs asks a version 2 server for its refs.
type LsRefs struct {
	Agent    string
	Format   object.Format
	Unborn   bool     // ask what HEAD points at even where nothing is there; only when the server offers it
	Prefixes []string // none for all refs
}

// Encode writes the request.
func (c LsRefs) Encode(w io.Writer) error {
	out := NewWriter(w)
	writeCommand(out, "ls-refs", c.Agent, c.Format)
	out.Line("peel")
	out.Line("symrefs")
	if c.Unborn {
		out.Line("unborn")
	}
	for _, p := range c.Prefixes {
		out.Line("ref-prefix %s", p)
	}
	out.Flush()
	return out.Err()
}

func writeCommand(out *Writer, command, agent string, f object.Format) {
	out.Line("command=%s", command)
	out.Line("agent=%s", agent)
	if f != object.SHA1 {
		out.Line("object-format=%s", f)
	}
	out.Delim()
}

// ReadLsRefs reads the answer to LsRefs, up to its flush packet. An unborn HEAD comes as
// a Ref with a Target and the zero id.
func ReadLsRefs(r *Reader, f object.Format, l Limits) ([]Ref, error) {
	list := refList{limits: l}
	for {
		line, done, err := list.line(r)
		if err != nil {
			return nil, err
		}
		if done {
			return list.refs, nil
		}
		ref, err := parseLsRef(line, f)
		if err != nil {
			return nil, err
		}
		if err := list.append(ref); err != nil {
			return nil, err
		}
	}
}

func parseLsRef(line []byte, f object.Format) (Ref, error) {
	hex, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return Ref{}, malformed("ref line %.100q", line)
	}
	name, attributes, _ := strings.Cut(string(rest), " ")
	ref := Ref{Name: name, ID: f.Zero()}
	var err error
	if string(hex) != "unborn" {
		if ref.ID, err = parseID(hex, f); err != nil {
			return Ref{}, err
		}
	}
	for a := range strings.FieldsSeq(attributes) {
		if target, ok := strings.CutPrefix(a, "symref-target:"); ok && ref.Target == "" {
			ref.Target = target
		}
		if peeled, ok := strings.CutPrefix(a, "peeled:"); ok {
			if ref.Peeled, err = parseID([]byte(peeled), f); err != nil {
				return Ref{}, err
			}
		}
	}
	return ref, nil
}
