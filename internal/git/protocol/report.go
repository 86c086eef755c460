package protocol

import (
	"io"
	"strings"
)

// What a report may hold. A server whose hook turns one push into several tells each.
const (
	maxPerCommand = 100 // lines
	bytesEach     = 256 // of lines about one command, its name twice aside
	bytesMore     = 16 << 20
)

// ReadReport reads the answer to the request and its pack, to its end. progress is as for
// NewSideband. It returns ErrNoReport where the server offered none. What breaks after the
// report is no error: all is said by then.
func (p Push) ReadReport(r *Reader, progress func([]byte)) (Report, error) {
	banded := p.Capabilities.Has("side-band-64k")
	band := io.Reader(nil)
	if banded {
		band = NewSideband(r, progress)
	}
	if p.status() == "" {
		if banded {
			if _, err := io.Copy(io.Discard, io.LimitReader(band, MaxData)); err != nil {
				return Report{}, err
			}
		}
		return Report{}, ErrNoReport
	}
	if !banded {
		return p.readReport(r)
	}
	report, err := p.readReport(NewReader(band))
	if err == nil {
		io.Copy(io.Discard, io.LimitReader(band, MaxData)) // hooks speak until the end
	}
	return report, err
}

func (p Push) readReport(r *Reader) (Report, error) {
	kind, line, err := r.Line()
	if err != nil {
		return Report{}, cut(err)
	}
	unpack, ok := strings.CutPrefix(string(line), "unpack ")
	if kind != Data || !ok {
		return Report{}, malformed("%s packet %.100q in place of the report", kind, line)
	}
	s := newStatuses(p)
	if unpack != "ok" {
		s.report.Unpack = reason(unpack)
	}
	for {
		kind, line, err := r.Line()
		switch {
		case err != nil:
			return Report{}, cut(err)
		case kind == Flush:
			return s.finish(), nil
		case kind != Data:
			return Report{}, malformed("%s packet in a report", kind)
		}
		if err := s.line(line); err != nil {
			return Report{}, err
		}
	}
}

// statuses gathers the status lines of a report.
type statuses struct {
	push   Push
	report Report
	at     map[string]int // of each command
	told   [][]RefReport  // by command
	last   *RefReport     // what option lines belong to; nil where they belong to no command
	lines  int
	left   int64 // bytes that lines may have yet
}

func newStatuses(p Push) *statuses {
	s := &statuses{push: p, at: make(map[string]int, len(p.Commands)), told: make([][]RefReport, len(p.Commands)), left: bytesMore}
	for i, c := range p.Commands {
		s.at[c.Name] = i
		s.left += bytesEach + 2*int64(len(c.Name))
	}
	return s
}

// line takes one line that follows "unpack". A status of a ref that no command names says nothing to us.
func (s *statuses) line(line []byte) error {
	if s.lines++; s.lines > maxPerCommand*(len(s.push.Commands)+1) {
		return &LimitError{What: "lines in a report", Limit: int64(s.lines - 1)}
	}
	if s.left -= int64(len(line)); s.left < 0 {
		return &LimitError{What: "bytes in a report on each ref", Limit: bytesEach}
	}
	word, rest, _ := strings.Cut(string(line), " ")
	switch word {
	case "ok":
		s.status(RefReport{Name: rest})
	case "ng":
		name, why, _ := strings.Cut(rest, " ")
		s.status(RefReport{Name: name, Reason: reason(why)})
	case "option":
		return s.option(rest)
	default:
		return malformed("report line %.100q", line)
	}
	return nil
}

func (s *statuses) status(r RefReport) {
	s.last = nil
	i, known := s.at[r.Name]
	if !known {
		return
	}
	s.told[i] = append(s.told[i], r)
	s.last = &s.told[i][len(s.told[i])-1]
}

// option takes a line of report-status-v2 about the status before it.
func (s *statuses) option(text string) (err error) {
	name, value, _ := strings.Cut(text, " ")
	if s.last == nil {
		return nil
	}
	switch name {
	case "refname":
		s.last.RefName = value
	case "old-oid":
		s.last.Old, err = parseID([]byte(value), s.push.Format)
	case "new-oid":
		s.last.New, err = parseID([]byte(value), s.push.Format)
	case "forced-update":
		s.last.Forced = true
	}
	return err
}

func (s *statuses) finish() Report {
	for i, c := range s.push.Commands {
		if len(s.told[i]) == 0 {
			s.told[i] = []RefReport{{Name: c.Name, Reason: NoStatus}}
		}
		s.report.Refs = append(s.report.Refs, s.told[i]...)
	}
	return s.report
}

func reason(text string) string {
	if text = strings.TrimSpace(text); text != "" {
		return text
	}
	return NoReason
}

// WriteReport writes r as receive-pack does, in version 1 of the report, without a sideband.
func WriteReport(w io.Writer, r Report) error {
	out := NewWriter(w)
	out.Line("unpack %s", orOK(r.Unpack))
	for _, ref := range r.Refs {
		if ref.Reason == "" {
			out.Line("ok %s", ref.Name)
		} else {
			out.Line("ng %s %s", ref.Name, ref.Reason)
		}
	}
	out.Flush()
	return out.Err()
}

func orOK(text string) string {
	if text == "" {
		return "ok"
	}
	return text
}
