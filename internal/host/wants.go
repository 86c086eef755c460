package host

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
)

// notOurRef says that a client wants what no published ref reaches. It has git's own words.
type notOurRef struct{ want string }

func (e *notOurRef) Error() string { return "not our ref " + e.want }

// request is what matters here of an upload-pack request (gitprotocol-v2, gitprotocol-pack).
type request struct {
	command string // in version 2
	wants   []object.ID
}

// readRequest reads one request and writes it on to w. What is written is what was understood:
// git gets these very lines, and nothing after them. In version 2 a request ends with its flush
// packet, before that with the stream.
func readRequest(r io.Reader, w io.Writer, version int, f object.Format) (request, error) {
	in, out := protocol.NewReader(r), protocol.NewWriter(w)
	var q request
	for {
		kind, data, err := in.Next()
		if err == io.EOF && version < 2 {
			return q, nil
		}
		if err != nil {
			return q, err
		}
		switch kind {
		case protocol.Data:
			if err := q.take(string(bytes.TrimSuffix(data, []byte("\n"))), f); err != nil {
				return q, err
			}
			out.Data(data)
		case protocol.Delim:
			out.Delim()
		case protocol.Flush:
			out.Flush()
			if version == 2 {
				return q, out.Err()
			}
		default:
			return q, fmt.Errorf("%w: %s in a request", protocol.ErrMalformed, kind)
		}
		if err := out.Err(); err != nil {
			return q, err
		}
	}
}

// take reads one line.
func (q *request) take(line string, f object.Format) error {
	if name, ok := strings.CutPrefix(line, "command="); ok {
		if q.command != "" {
			return fmt.Errorf("%w: two commands", protocol.ErrMalformed)
		}
		q.command = name
	}
	if strings.HasPrefix(line, "want-ref ") {
		return fmt.Errorf("%w: want-ref, which was not offered", protocol.ErrMalformed)
	}
	// Git looks for the name in every ref it has, hidden ones too.
	if name, ok := strings.CutPrefix(line, "deepen-not "); ok && (isHidden(name) || isHidden("refs/"+name)) {
		return &notOurRef{name}
	}
	if digits, ok := strings.CutPrefix(line, "want "); ok {
		digits, _, _ = strings.Cut(digits, " ") // capabilities follow in versions 0 and 1
		id, err := object.ParseID(digits)
		if err != nil || id.Format() != f {
			return fmt.Errorf("%w: bad want", protocol.ErrMalformed)
		}
		q.wants = append(q.wants, id)
	}
	return nil
}

// checkedRequest reads a request into to. It is a *notOurRef when it wants what published refs do
// not reach: git gives out any object in version 2, and over HTTP any blob and tree in version 0 too.
func (x *exchange) checkedRequest(ctx context.Context, to io.Writer, from io.Reader) error {
	version := 0
	if x.secondVersion() {
		version = 2
	}
	buffered := bufio.NewWriterSize(to, 64<<10)
	q, err := readRequest(from, buffered, version, x.repo.Format())
	if err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if version == 2 && q.command != "fetch" && q.command != "ls-refs" {
		return &refusal{http.StatusBadRequest, "The request has no command known here."}
	}
	if len(q.wants) == 0 {
		return nil
	}
	all, err := x.repo.Refs()
	if err != nil {
		return err
	}
	published := slices.DeleteFunc(all, func(ref repo.Ref) bool { return isHidden(ref.Name) })
	return x.host.checkReach(ctx, x.repo, published, q.wants)
}

// isHidden reports whether a ref is kept but not published.
func isHidden(name string) bool { return strings.HasPrefix(name, hiddenRefs) }
