package host

import (
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

// request2 is what matters here of a request in protocol version 2 (gitprotocol-v2).
type request2 struct {
	command string
	wants   []object.ID
	refs    []string // of want-ref lines
}

// readRequest2 reads one request of protocol version 2 and writes it on to w. What is written
// is what was understood: git gets these very lines, and nothing after them.
func readRequest2(r io.Reader, w io.Writer, f object.Format) (request2, error) {
	in, out := protocol.NewReader(r), protocol.NewWriter(w)
	var q request2
	for {
		kind, data, err := in.Next()
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
			return q, out.Err()
		default:
			return q, fmt.Errorf("%w: %s in a request", protocol.ErrMalformed, kind)
		}
		if err := out.Err(); err != nil {
			return q, err
		}
	}
}

// take reads one line.
func (q *request2) take(line string, f object.Format) error {
	if name, ok := strings.CutPrefix(line, "command="); ok {
		if q.command != "" {
			return fmt.Errorf("%w: two commands", protocol.ErrMalformed)
		}
		q.command = name
	}
	if name, ok := strings.CutPrefix(line, "want-ref "); ok {
		q.refs = append(q.refs, name)
	}
	if digits, ok := strings.CutPrefix(line, "want "); ok {
		id, err := object.ParseID(digits)
		if err != nil || id.Format() != f {
			return fmt.Errorf("%w: bad want", protocol.ErrMalformed)
		}
		q.wants = append(q.wants, id)
	}
	return nil
}

// checkedRequest reads a request of version 2 into to. It is a *notOurRef when it wants
// what published refs do not reach: git would give out any object it has.
func (x *exchange) checkedRequest(ctx context.Context, to io.Writer, from io.Reader) error {
	q, err := readRequest2(from, to, x.repo.Format())
	if err != nil {
		return err
	}
	if q.command != "fetch" && q.command != "ls-refs" {
		return &refusal{http.StatusBadRequest, "The request has no command known here."}
	}
	if len(q.wants)+len(q.refs) == 0 {
		return nil
	}
	all, err := x.repo.Refs()
	if err != nil {
		return err
	}
	published := slices.DeleteFunc(all, func(ref repo.Ref) bool { return strings.HasPrefix(ref.Name, hiddenRefs) })
	for _, name := range q.refs {
		if !hasRef(published, name) {
			return &notOurRef{name}
		}
	}
	return x.entry.checkReach(ctx, x.repo, published, q.wants)
}
