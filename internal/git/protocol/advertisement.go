package protocol

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"rehome/internal/git/object"
)

// maxCapabilities bounds the lines of a version 2 advertisement; honest ones have about ten.
const maxCapabilities = 1000

// Service is the program at the other end.
type Service string

// The services.
const (
	UploadPack  Service = "git-upload-pack"
	ReceivePack Service = "git-receive-pack"
)

// Ref is one ref as advertised. Name is as it came: any bytes but NUL, space and newline.
// receive-pack calls ".have" what it has besides its refs, any number of times.
type Ref struct {
	Name   string
	ID     object.ID // zero for an unborn ref
	Peeled object.ID // what an annotated tag leads to; zero for anything else
	Target string    // of a symbolic ref; "" for anything else
}

// Advertisement is what a server says first.
type Advertisement struct {
	Version      int // 0, 1 or 2
	Capabilities Capabilities
	Format       object.Format
	Refs         []Ref // in version 2 empty: ls-refs brings them
	Shallow      bool  // the history is cut off; only versions 0 and 1 say so here
}

// Limits bound what a list of refs may hold. Both must be set.
type Limits struct {
	Refs  int   // number of refs
	Bytes int64 // of the whole list on the wire
}

// WhatRefs is what an operator may have more of, as LimitError.What has it.
const WhatRefs = "refs"

// LimitError says which limit a list of refs passed.
type LimitError struct {
	What  string
	Limit int64
}

func (e *LimitError) Error() string { return fmt.Sprintf("more than %d %s", e.Limit, e.What) }

// ReadService reads the line smart HTTP puts before the advertisement of s. Version 2 servers,
// and no others, may leave it out: then nothing is consumed. There is no version 2 of receive-pack.
func ReadService(r *Reader, s Service) error {
	head, err := r.r.Peek(len("0000version 2"))
	if err != nil {
		return cut(err)
	}
	if s == UploadPack && string(head[4:]) == "version 2" {
		return nil
	}
	kind, line, err := r.Line()
	if err != nil {
		return cut(err)
	}
	if kind != Data || string(line) != "# service="+string(s) {
		return malformed("service line %.100q", line)
	}
	if kind, _, err = r.Next(); err != nil {
		return cut(err)
	}
	if kind != Flush {
		return malformed("%s packet after the service line", kind)
	}
	return nil
}

// ReadAdvertisement reads what a server says first, of any version, up to its flush packet.
func ReadAdvertisement(r *Reader, l Limits) (Advertisement, error) {
	list := refList{limits: l}
	ad := Advertisement{}
	first := true
	for {
		line, done, err := list.line(r)
		if err != nil {
			return Advertisement{}, err
		}
		if done {
			return ad.finish(list.refs)
		}
		switch {
		case first && string(line) == "version 1":
			ad.Version = 1
			continue
		case first && string(line) == "version 2":
			ad.Version = 2
		case ad.Version == 2:
			if len(ad.Capabilities) >= maxCapabilities-1 {
				return Advertisement{}, &LimitError{What: "capabilities", Limit: maxCapabilities}
			}
			ad.Capabilities = append(ad.Capabilities, string(line))
		default:
			err = ad.ref(line, first, &list)
		}
		if err != nil {
			return Advertisement{}, err
		}
		first = false
	}
}

// ref takes one line of a version 0 or 1 advertisement.
func (ad *Advertisement) ref(line []byte, first bool, list *refList) (err error) {
	if first {
		var words []byte
		line, words = cutNUL(line)
		ad.Capabilities = ParseCapabilities(words)
		if ad.Format, err = ad.Capabilities.Format(); err != nil {
			return err
		}
	}
	if rest, ok := bytes.CutPrefix(line, []byte("shallow ")); ok {
		ad.Shallow = true
		_, err := parseID(rest, ad.Format)
		return err
	}
	hex, name, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return malformed("ref line %.100q", line)
	}
	id, err := parseID(hex, ad.Format)
	switch {
	case err != nil:
		return err
	case first && string(name) == "capabilities^{}":
		return nil
	}
	return list.add(id, name)
}

func (ad Advertisement) finish(refs []Ref) (Advertisement, error) {
	var err error
	ad.Format, err = ad.Capabilities.Format()
	if err != nil {
		return Advertisement{}, err
	}
	ad.Refs = refs
	for i := range refs {
		if refs[i].Name == "HEAD" {
			refs[i].Target = ad.Capabilities.symref("HEAD")
			return ad, nil
		}
	}
	if target := ad.Capabilities.symref("HEAD"); target != "" {
		ad.Refs = append(ad.Refs, Ref{Name: "HEAD", ID: ad.Format.Zero(), Target: target})
	}
	return ad, nil
}

// refList gathers refs within limits.
type refList struct {
	limits Limits
	refs   []Ref
	bytes  int64
}

// line returns the next line, or done at the flush packet.
func (l *refList) line(r *Reader) (line []byte, done bool, err error) {
	kind, line, err := r.Line()
	if err != nil {
		return nil, false, cut(err)
	}
	if kind != Data {
		if kind == Flush {
			return nil, true, nil
		}
		return nil, false, malformed("%s packet in a list of refs", kind)
	}
	if l.bytes += int64(len(line)) + 5; l.bytes > l.limits.Bytes {
		return nil, false, &LimitError{What: "bytes of refs", Limit: l.limits.Bytes}
	}
	return line, false, nil
}

// add appends a ref, or completes the last one when name is its name^{}.
func (l *refList) add(id object.ID, name []byte) error {
	if tag, ok := bytes.CutSuffix(name, []byte("^{}")); ok {
		if len(l.refs) == 0 || l.refs[len(l.refs)-1].Name != string(tag) {
			return malformed("peeled ref %.100q does not follow its tag", name)
		}
		l.refs[len(l.refs)-1].Peeled = id
		return nil
	}
	return l.append(Ref{Name: string(name), ID: id})
}

func (l *refList) append(ref Ref) error {
	if ref.Name == "" || strings.ContainsAny(ref.Name, "\x00 \n") {
		return malformed("ref name %.100q", ref.Name)
	}
	if len(l.refs) >= l.limits.Refs {
		return &LimitError{What: WhatRefs, Limit: int64(l.limits.Refs)}
	}
	l.refs = append(l.refs, ref)
	return nil
}

func parseID(hex []byte, f object.Format) (object.ID, error) {
	id, err := object.ParseID(string(hex))
	if err != nil {
		return object.ID{}, malformed("%v", err)
	}
	if id.Format() != f {
		return object.ID{}, malformed("%s id in a %s repository", id.Format(), f)
	}
	return id, nil
}

// WriteAdvertisement writes ad as a version 0 or 1 server does, without the service line.
func WriteAdvertisement(w io.Writer, ad Advertisement) error {
	out := NewWriter(w)
	if ad.Version == 1 {
		out.Line("version 1")
	}
	words := "\x00" + string(ad.Capabilities.Encode())
	if len(ad.Refs) == 0 {
		out.Line("%s capabilities^{}%s", ad.Format.Zero(), words)
		words = ""
	}
	for _, ref := range ad.Refs {
		out.Line("%s %s%s", ref.ID, ref.Name, words)
		words = ""
		if !ref.Peeled.IsZero() {
			out.Line("%s %s^{}", ref.Peeled, ref.Name)
		}
	}
	out.Flush()
	return out.Err()
}
