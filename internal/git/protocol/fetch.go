package protocol

import (
	"bytes"
	"errors"
	"io"

	"rehome/internal/git/object"
)

// ErrShallow says that the other side's history is cut off.
var ErrShallow = errors.New("history is shallow")

// Fetch asks, in one round, for one pack with everything that Wants reach and Haves do not. Its deltas
// lean on nothing outside of it: no thin-pack. It is complete but for what Filter leaves out.
type Fetch struct {
	Version      int // 0, 1 or 2
	Agent        string
	Format       object.Format
	Capabilities Capabilities // the server's; versions 0 and 1 take from them
	Wants        []object.ID  // no two alike, at least one
	Haves        []object.ID  // what is here with all that it reaches, the most telling first: only so many are offered
	Filter       string       // objects to leave out (git rev-list --filter), where the server can; "" for none
}

// How many ids are offered at most. Servers of versions 0 and 1 may acknowledge one after the other before they
// have read the last, so what they say has to fit into a pipe.
const (
	maxHaves    = 4096
	maxOldHaves = 512
)

// offers returns the ids that are offered.
func (c Fetch) offers() []object.ID {
	most := maxHaves
	if c.Version < 2 {
		most = maxOldHaves
	}
	return c.Haves[:min(len(c.Haves), most)]
}

// Encode writes the request.
func (c Fetch) Encode(w io.Writer) error {
	out := NewWriter(w)
	if c.Version == 2 {
		c.encode2(out)
	} else {
		c.encode0(out)
	}
	return out.Err()
}

func (c Fetch) encode2(out *Writer) {
	writeCommand(out, "fetch", c.Agent, c.Format)
	out.Line("ofs-delta")
	for _, id := range c.Wants {
		out.Line("want %s", id)
	}
	for _, id := range c.offers() {
		out.Line("have %s", id)
	}
	if c.Filters() {
		out.Line("filter %s", c.Filter)
	}
	out.Line("done")
	out.Flush()
}

// Filters reports whether the server is asked to leave out objects: it is a matter of version 2 here.
func (c Fetch) Filters() bool {
	return c.Filter != "" && c.Version == 2 && c.Capabilities.Feature("fetch", "filter")
}

func (c Fetch) encode0(out *Writer) {
	words := ""
	if band := c.sideband(); band != "" {
		words += " " + band
	}
	if c.Capabilities.Has("ofs-delta") {
		words += " ofs-delta"
	}
	if c.Capabilities.Has("agent") {
		words += " agent=" + c.Agent
	}
	if c.Format != object.SHA1 {
		words += " object-format=" + c.Format.String()
	}
	for _, id := range c.Wants {
		out.Line("want %s%s", id, words)
		words = ""
	}
	out.Flush()
	for _, id := range c.offers() {
		out.Line("have %s", id)
	}
	out.Line("done")
}

// sideband returns the best sideband capability of a version 0 or 1 server, "" for none.
func (c Fetch) sideband() string {
	for _, band := range []string{"side-band-64k", "side-band"} {
		if c.Capabilities.Has(band) {
			return band
		}
	}
	return ""
}

// Pack reads the answer up to the pack and returns the pack's bytes. progress is as for
// NewSideband. It returns ErrShallow where the answer announces a cut history, and
// refuses every section that was not asked for.
func (c Fetch) Pack(r *Reader, progress func([]byte)) (io.Reader, error) {
	if c.Version == 2 {
		return c.pack2(r, progress)
	}
	if err := c.acknowledged(r); err != nil {
		return nil, err
	}
	if c.sideband() == "" {
		return r.Rest(), nil
	}
	return NewSideband(r, progress), nil
}

// acknowledged reads what versions 0 and 1 say before the pack, without multi_ack: NAK, or the first of the ids offered
// that they have. Git says it again for each of its ancestors that follows at once.
func (c Fetch) acknowledged(r *Reader) error {
	for range len(c.offers()) + 1 {
		kind, line, err := r.Line()
		switch {
		case err != nil:
			return cut(err)
		case bytes.HasPrefix(line, []byte("shallow ")):
			return ErrShallow
		case kind == Data && string(line) == "NAK":
			return nil
		case kind != Data || len(c.Haves) == 0 || !bytes.HasPrefix(line, []byte("ACK ")):
			return malformed("%s packet %.100q in place of NAK", kind, line)
		case !r.acksOn():
			return nil
		}
	}
	return malformed("more is acknowledged than was offered")
}

// acksOn reports whether one more line of an acknowledgment follows. A pack does not begin like one, whether it comes
// in bands or as it is.
func (r *Reader) acksOn() bool {
	r.r.Discard(r.held)
	r.held = 0
	head, _ := r.r.Peek(8)
	return bytes.HasSuffix(head, []byte("ACK ")) && len(head) == 8
}

func (c Fetch) pack2(r *Reader, progress func([]byte)) (io.Reader, error) {
	kind, line, err := r.Line()
	switch {
	case err != nil:
		return nil, cut(err)
	case kind == Data && string(line) == "packfile":
		return NewSideband(r, progress), nil
	case kind == Data && string(line) == "shallow-info":
		return nil, ErrShallow
	}
	return nil, malformed("%s packet %.100q in place of the packfile section", kind, line)
}

// Rest returns what follows the pkt-lines read so far, as it is. The Reader must not be used any more.
func (r *Reader) Rest() io.Reader {
	r.r.Discard(r.held)
	r.held = 0
	return r.r
}
