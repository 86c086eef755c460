package protocol

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"rehome/internal/git/object"
)

// Command moves one ref of the other side. A zero Old makes it, a zero New deletes it.
type Command struct {
	Name     string
	Old, New object.ID // Old is what the ref must be at
}

// Push asks receive-pack to move refs (gitprotocol-pack, "Pushing Data To a Server"). What
// the server does not offer is left out of the request; whether it takes deletes, or all
// commands or none (Atomic), is for the caller to see before.
type Push struct {
	Agent        string
	Format       object.Format
	Capabilities Capabilities // the server's
	Commands     []Command    // no two of one name, at least one
	Options      []string     // push options, sent only where the server takes them
	Atomic       bool         // all or none, where the server can
}

// NeedsPack reports whether a pack follows the request: it does, an empty one if need be,
// unless every command deletes.
func (p Push) NeedsPack() bool {
	for _, c := range p.Commands {
		if !c.New.IsZero() {
			return true
		}
	}
	return false
}

// Encode writes everything that comes before the pack.
func (p Push) Encode(w io.Writer) error {
	out := NewWriter(w)
	words := "\x00" + string(p.asked().Encode())
	for _, c := range p.Commands {
		if c.Name == "" || strings.ContainsAny(c.Name, "\x00 \n") {
			return fmt.Errorf("push to ref %q", c.Name)
		}
		out.Line("%s %s %s%s", p.id(c.Old), p.id(c.New), c.Name, words)
		words = ""
	}
	out.Flush()
	if p.takesOptions() {
		for _, o := range p.Options {
			if strings.ContainsAny(o, "\x00\n") {
				return fmt.Errorf("push option %q", o)
			}
			out.Line("%s", o)
		}
		out.Flush()
	}
	return out.Err()
}

// id gives a zero id the length of the others.
func (p Push) id(id object.ID) object.ID {
	if id.IsZero() {
		return p.Format.Zero()
	}
	return id
}

// asked is what of the server's capabilities is used.
func (p Push) asked() Capabilities {
	words := Capabilities{}
	if status := p.status(); status != "" {
		words = append(words, status)
	}
	for _, name := range []string{"side-band-64k", "ofs-delta"} {
		if p.Capabilities.Has(name) {
			words = append(words, name)
		}
	}
	if p.Atomic && p.Capabilities.Has("atomic") {
		words = append(words, "atomic")
	}
	if p.takesOptions() {
		words = append(words, "push-options")
	}
	if p.Capabilities.Has("object-format") {
		words = append(words, "object-format="+p.Format.String())
	}
	if p.Capabilities.Has("agent") {
		words = append(words, "agent="+p.Agent)
	}
	return words
}

func (p Push) takesOptions() bool {
	return len(p.Options) > 0 && p.Capabilities.Has("push-options")
}

// status returns the best report the server offers, "" for none.
func (p Push) status() string {
	for _, name := range []string{"report-status-v2", "report-status"} {
		if p.Capabilities.Has(name) {
			return name
		}
	}
	return ""
}

// ErrNoReport says that a server does not tell what it did: only its refs do.
var ErrNoReport = errors.New("the server reports nothing")

// Report is what receive-pack did. Its texts are foreign and uncleaned.
type Report struct {
	Unpack string      // what was wrong with the pack; "" for nothing
	Refs   []RefReport // at least one for each command, in the order of the commands
}

// RefReport is what became of one command.
type RefReport struct {
	Name   string
	Reason string // of a refusal; "" when the ref was moved

	// What a server of report-status-v2 did in place of what was asked: moved another ref,
	// or to another object. "" and zero ids where it did as asked.
	RefName  string
	Old, New object.ID
	Forced   bool // it was no fast-forward
}

// The reasons of refusals that came without one.
const (
	NoReason = "no reason given"
	NoStatus = "the server does not say what became of it"
)

// OK reports whether everything was done as asked.
func (r Report) OK() bool {
	for _, ref := range r.Refs {
		if ref.Reason != "" {
			return false
		}
	}
	return r.Unpack == ""
}
