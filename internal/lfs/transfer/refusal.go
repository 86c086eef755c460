package transfer

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
	"rehome/internal/remote"
)

// ErrGrant is wrapped by the error of a server that refuses Options.Header. If that was good before, it ran out: a
// new one, and another call, go on where this one stopped.
var ErrGrant = errors.New("the grant is refused")

// errNoLFS says that nothing there speaks the Git LFS API.
var errNoLFS = errors.New("it does not offer Git LFS")

// statement is what a server says is wrong, fit to show.
type statement struct {
	code  int    // an HTTP status; 0 = none
	words string // may be empty
}

func (s *statement) Error() string {
	switch {
	case s.code == 0:
		return s.words
	case s.words == "":
		return fmt.Sprintf("it answers with status %d", s.code)
	}
	return fmt.Sprintf("it answers with status %d: %q", s.code, s.words)
}

// objectError says what is wrong with one object, and not with others.
type objectError struct {
	oid lfs.OID
	err error
}

func (e *objectError) Error() string { return fmt.Sprintf("object %s: %v", e.oid, e.err) }
func (e *objectError) Unwrap() error { return e.err }

// check says what an answer to a batch other than a list means.
func (p *peer) check(resp *http.Response) error {
	code := resp.StatusCode
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case code == http.StatusOK && (kind == mediaType || kind == "application/json"):
		return nil
	case code == http.StatusOK:
		return &lackError{fmt.Errorf("%w: the answer is %q", errNoLFS, rehome.Clean(kind, maxText))}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return p.credentials(resp)
	case isBusy(code) || isFull(code):
		return p.busy(p.said(resp), resp.Header)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &refusedError{lackError{p.said(resp)}, code == http.StatusRequestEntityTooLarge}
	}
	return &lackError{p.said(resp)}
}

// isBusy reports whether a status may be another one at another try.
func isBusy(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests ||
		code >= 500 && code != http.StatusNotImplemented && !isFull(code)
}

// isFull reports whether a status says that there is no room or no bandwidth left.
func isFull(code int) bool { return code == http.StatusInsufficientStorage || code == 509 }

// busy is for what another try may change, but for what isFull.
func (p *peer) busy(why *statement, h http.Header) error {
	err := &rehome.Error{
		Code: p.side.unreachable, Message: fmt.Sprintf("The %s answers with status %d%s.", p.name(), why.code, p.quote(why)),
		Hint: "Try again later.", Err: why,
	}
	if !isFull(why.code) {
		return &laterError{err: err, after: retryAfter(h)}
	}
	if p.side.quotes {
		err.Code, err.Hint = p.side.refused, remedy(why)
	}
	return err
}

// quote returns a server's words for a message.
func (p *peer) quote(why *statement) string {
	if !p.side.quotes || why.words == "" {
		return ""
	}
	return fmt.Sprintf(": %q", why.words)
}

// credentials says what is wrong with those that were sent, or that there were none.
func (p *peer) credentials(resp *http.Response) error {
	sent := resp.Request.Header.Get("Authorization")
	host := rehome.Clean(resp.Request.URL.Host, maxText)
	why := p.said(resp)
	e := &rehome.Error{Code: p.side.wanted, Err: why}
	status := fmt.Sprintf("(status %d)%s", why.code, p.quote(why))
	switch {
	case sent != "" && sent == p.Header.Get("Authorization"):
		e.Code, e.Err = p.side.refused, fmt.Errorf("%w: %w", ErrGrant, why)
		e.Message = fmt.Sprintf("The %s Git LFS server refuses what was granted over SSH %s.", p.side.whose, status)
		e.Hint = "Check what the SSH key may do there, and try again: a grant runs out after a while."
	case sent != "":
		e.Code = p.side.refused
		e.Message = fmt.Sprintf("The %s Git LFS server refuses the user name and password %s.", p.side.whose, status)
		e.Hint = p.side.wrong
	case p.Foreign, p.signsIn():
		e.Message = fmt.Sprintf("The Git LFS server of the %s is at %s, which wants a user name and password of its own.", p.side.noun, host)
		e.Hint = fmt.Sprintf("Those of the %s are not passed on to another address.", p.side.noun)
	default:
		e.Message, e.Hint = fmt.Sprintf("The %s Git LFS server wants a user name and password%s.", p.side.whose, p.quote(why)), p.side.none
	}
	if p.side.quotes && isQuota(why) {
		e.Message = fmt.Sprintf("The %s takes no more %s.", p.name(), status)
		e.Hint = remedy(why)
	}
	if p.Foreign && sent == "" {
		return &lackError{e}
	}
	return e
}

// refused says what a status of a link, other than those of success, means. A link may have run out, so that
// another one is asked for first.
func (p *peer) refused(o lfs.Object, resp *http.Response) error {
	code := resp.StatusCode
	switch {
	case isBusy(code) || isFull(code):
		return p.busy(p.said(resp), resp.Header)
	case (code == http.StatusUnauthorized || code == http.StatusForbidden) && !p.Foreign && egress.SameOrigin(p.Endpoint, resp.Request.URL):
		return &laterError{err: p.credentials(resp), atOnce: true}
	}
	lack := &lackError{&objectError{o.OID, p.said(resp)}}
	if code == http.StatusRequestEntityTooLarge || code == http.StatusUnprocessableEntity {
		return lack // which is not about the link
	}
	return &laterError{err: lack, atOnce: true}
}

// says returns what a batch says is wrong with an object; nil when it says nothing.
func (p *peer) says(a answer) error {
	why := &statement{a.code, a.text}
	switch {
	case isBusy(a.code) || isFull(a.code):
		return p.busy(why, nil)
	case !p.side.quotes && (a.code == http.StatusUnauthorized || a.code == http.StatusForbidden):
		e := &rehome.Error{
			Code: p.side.wanted, Message: fmt.Sprintf("The %s Git LFS server wants a user name and password for some objects.", p.side.whose),
			Hint: p.side.none, Err: &objectError{a.object.OID, why},
		}
		if p.Foreign {
			return &lackError{e}
		}
		if p.signsIn() {
			e.Code, e.Message = p.side.refused, fmt.Sprintf("The %s Git LFS server refuses the user name and password for some objects.", p.side.whose)
		}
		return e
	case a.text != "":
		return &lackError{&objectError{a.object.OID, why}}
	}
	return nil
}

// said is a server's own words for an error, and its status.
func (p *peer) said(resp *http.Response) *statement {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxWords))
	if err != nil {
		data = nil
	}
	return &statement{resp.StatusCode, p.shown(words(kind, data), resp.Request.Header)}
}

// minSecret is the length from which what stands in a header may be a secret, in bytes.
const minSecret = 8

// shown makes a server's words fit to show; sent is what it was sent, nil for no more than the options say. Words that
// repeat a secret are none.
func (p *peer) shown(words string, sent http.Header) string {
	if remote.RepeatsSecret(remote.Location{Username: p.Username, Password: p.Password}, words) {
		return ""
	}
	for _, values := range [][]string{slices.Concat(slices.Collect(maps.Values(p.Header))...), sent.Values("Authorization"), sent.Values("Cookie")} {
		for _, v := range values {
			v = v[strings.LastIndexByte(v, ' ')+1:] // behind how it is meant, as in "Bearer …"
			if len(v) >= minSecret && strings.Contains(words, v) {
				return ""
			}
		}
	}
	return rehome.Clean(words, maxText)
}

// words finds those for people in an error: of a Git LFS server (git-lfs docs/api/batch.md, "Response Errors"), or of
// a store like S3, Azure's or Google's, which speak XML.
func words(kind string, data []byte) string {
	var said struct {
		Message string `json:"message" xml:"Message"`
	}
	switch {
	case strings.HasSuffix(kind, "json"):
		json.Unmarshal(data, &said) //nolint:errcheck // then there are no words
	case strings.HasSuffix(kind, "xml"):
		xml.Unmarshal(data, &said) //nolint:errcheck // then there are no words
	case kind == "text/plain":
		first, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
		return first
	}
	return said.Message
}

// cutOff is for a server that did what it should not have.
func (p *peer) cutOff(did string, err error) error {
	return &rehome.Error{
		Code: p.side.cutOff, Message: fmt.Sprintf("The %s %s.", p.name(), did),
		Hint: "Try again; what came whole is kept.", Err: err,
	}
}
