package transfer

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

// check says what an answer to a batch other than a list means.
func (p *peer) check(resp *http.Response) error {
	code := resp.StatusCode
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case code == http.StatusOK && (kind == mediaType || kind == "application/json"):
		return nil
	case code == http.StatusOK:
		return &lackError{why: fmt.Errorf("it does not offer Git LFS: the answer is %q", rehome.Clean(kind, maxText))}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return p.credentials(resp)
	case isBusy(code) || isFull(code):
		return p.busy(code, said(resp), resp.Header)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &refusedError{lackError{said(resp)}, code == http.StatusRequestEntityTooLarge}
	}
	return &lackError{said(resp)}
}

// isBusy reports whether a status may be another one at another try.
func isBusy(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests ||
		code >= 500 && code != http.StatusNotImplemented && !isFull(code)
}

// isFull reports whether a status says that there is no room or no bandwidth left.
func isFull(code int) bool { return code == http.StatusInsufficientStorage || code == 509 }

// busy is for what another try may change, but for what isFull.
func (p *peer) busy(code int, said error, h http.Header) error {
	err := &rehome.Error{
		Code: p.side.unreachable, Message: fmt.Sprintf("The %s answers with status %d.", p.name(), code),
		Hint: "Try again later.", Err: said,
	}
	if isFull(code) {
		return err
	}
	return &laterError{err: err, after: retryAfter(h)}
}

// credentials says what is wrong with those that were sent, or that there were none.
func (p *peer) credentials(resp *http.Response) error {
	sent := resp.Request.Header.Get("Authorization") != ""
	host := rehome.Clean(resp.Request.URL.Host, maxText)
	e := &rehome.Error{Code: p.side.wanted, Err: said(resp)}
	switch {
	case sent:
		e.Code = p.side.refused
		e.Message = fmt.Sprintf("The %s Git LFS server refuses the user name and password (status %d).", p.side.whose, resp.StatusCode)
		e.Hint = p.side.wrong
	case p.Foreign, p.signsIn():
		e.Message = fmt.Sprintf("The Git LFS server of the %s is at %s, which wants a user name and password of its own.", p.side.noun, host)
		e.Hint = fmt.Sprintf("Those of the %s are not passed on to another address.", p.side.noun)
	default:
		e.Message, e.Hint = fmt.Sprintf("The %s Git LFS server wants a user name and password.", p.side.whose), p.side.none
	}
	if p.Foreign && !sent {
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
		return p.busy(code, said(resp), resp.Header)
	case (code == http.StatusUnauthorized || code == http.StatusForbidden) && !p.Foreign && egress.SameOrigin(p.Endpoint, resp.Request.URL):
		return &laterError{err: p.credentials(resp), atOnce: true}
	}
	return &laterError{err: &lackError{fmt.Errorf("object %s: %w", o.OID, said(resp))}, atOnce: true}
}

// says returns what a batch says is wrong with an object; nil when it says nothing.
func (p *peer) says(a answer) error {
	text := fmt.Errorf("object %s: %q", a.object.OID, a.text)
	switch {
	case isBusy(a.code) || isFull(a.code):
		return p.busy(a.code, text, nil)
	case a.code == http.StatusUnauthorized || a.code == http.StatusForbidden:
		e := &rehome.Error{
			Code: p.side.wanted, Message: fmt.Sprintf("The %s Git LFS server wants a user name and password for some objects.", p.side.whose),
			Hint: p.side.none, Err: text,
		}
		if p.Foreign {
			return &lackError{e}
		}
		if p.signsIn() {
			e.Code, e.Message = p.side.refused, fmt.Sprintf("The %s Git LFS server refuses the user name and password for some objects.", p.side.whose)
		}
		return e
	case a.text != "":
		return &lackError{fmt.Errorf("it says of object %s: %q", a.object.OID, a.text)}
	}
	return nil
}

// said is a server's own words for an error (git-lfs docs/api/batch.md, "Response Errors"), or its status.
func said(resp *http.Response) error {
	var words struct {
		Message string `json:"message"`
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if strings.HasSuffix(kind, "json") {
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxWords))
		if err == nil && json.Unmarshal(data, &words) == nil && words.Message != "" {
			return fmt.Errorf("it answers with status %d: %q", resp.StatusCode, rehome.Clean(words.Message, maxText))
		}
	}
	return fmt.Errorf("it answers with status %d", resp.StatusCode)
}

func (p *peer) cutOff(where string, err error) error {
	return &rehome.Error{
		Code: p.side.cutOff, Message: fmt.Sprintf("The %s stopped sending %s.", p.name(), where),
		Hint: "Try again; what came whole is kept.", Err: err,
	}
}
