package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"rehome/internal/lfs"
)

// sending is an object on its way to the server.
type sending struct {
	*upload
	object  lfs.Object
	sent    bool // all of it; it may be waiting to be verified
	counted bool // tries are counted anew since then
}

// onward counts tries anew when the object has been sent: it is not sent again for what comes after.
func (s *sending) onward(try int, _ *laterError) (int, error) {
	if s.sent && !s.counted {
		s.counted = true
		return 0, nil
	}
	return try, nil
}

// step does what the server says is to be done for the object.
func (s *sending) step(ctx context.Context, a answer) error {
	switch why := s.says(a); {
	case why != nil:
		return why
	case !a.known:
		return s.lack(errors.New("it says nothing of it"))
	case a.link == nil && a.size != s.object.Size:
		return s.lack(fmt.Errorf("it has one of that id with %d bytes", a.size))
	case a.link == nil: // it has it
		return nil
	}
	if !s.sent {
		if err := s.put(ctx, a.link); err != nil {
			return err
		}
		if s.sent = true; s.ranOut(a.verify) {
			return &laterError{err: s.lack(errors.New("its link for verifying runs out too soon")), atOnce: true}
		}
	}
	if a.verify == nil {
		return nil
	}
	return s.verify(ctx, a.verify)
}

func (s *sending) lack(why error) error { return &lackError{&objectError{s.object.OID, why}} }

const stopsTaking = "stopped taking an object"

// put sends all of the object.
func (s *sending) put(ctx context.Context, l *link) error {
	return s.paced(ctx, stopsTaking, func(ctx context.Context, on func()) error {
		out := &outgoing{object: s.object}
		defer func() { out.end() }()
		resp, err := s.travel(l.href, true, func(to *url.URL, strayed bool) (*http.Request, error) {
			out.end()
			next, err := s.open(ctx, on)
			if err != nil {
				return nil, err
			}
			out = next
			return s.request(ctx, http.MethodPut, l.at(to, strayed), out)
		})
		if own := out.failure(); own != nil && ctx.Err() == nil {
			return own
		}
		if err != nil {
			return s.broke(out, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode < 200 || resp.StatusCode > 299 {
			return s.refused(s.object, resp)
		}
		if !out.whole() {
			return &laterError{err: s.cutOff("says that it has an object before it can have it", nil)}
		}
		finish(resp)
		return nil
	})
}

// finish reads what little may be left of an answer, so that its connection can be used again.
func finish(resp *http.Response) {
	io.Copy(io.Discard, io.LimitReader(resp.Body, maxWords)) //nolint:errcheck // it matters to the connection only
}

// broke says that the connection broke in the middle, if it did.
func (s *sending) broke(out *outgoing, err error) error {
	var later *laterError
	if errors.As(err, &later) && out.began() {
		return &laterError{err: s.cutOff(stopsTaking, err)}
	}
	return err
}

// request begins a request that has the object for a body.
func (s *sending) request(ctx context.Context, method string, l *link, out *outgoing) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if s.object.Size > 0 {
		body = out
	}
	r, err := s.ask(ctx, method, l, body)
	if err != nil {
		return nil, err
	}
	if r.ContentLength = s.object.Size; l.chunked {
		r.ContentLength, r.TransferEncoding, r.Body = -1, []string{"chunked"}, out
	}
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	return r, nil
}

// at is the link to where it is redirected. What is secret in it stays behind when that is another origin.
func (l *link) at(to *url.URL, strayed bool) *link {
	moved := *l
	moved.href = to
	if strayed {
		moved.header = l.header.Clone()
		moved.header.Del("Authorization")
		moved.header.Del("Cookie")
		moved.authenticated = true
	}
	return &moved
}

// maxVerifies is how often a server is asked whether it has what was sent, when it says no (git-lfs:
// lfs.transfer.maxverifies).
const maxVerifies = 3

// verify has the server check that it has what was sent.
func (s *sending) verify(ctx context.Context, l *link) error {
	for try := 0; ; try++ {
		err := s.askVerify(ctx, l)
		var later *laterError
		var one *objectError
		switch {
		case errors.As(err, &later) && !later.atOnce:
			err = s.again(ctx, try, later)
		case errors.As(err, &later), !isLack(err, &one):
			return err
		case try < maxVerifies-1:
			err = s.Sleep(ctx, waits[try]*time.Second)
		}
		if err != nil {
			return err
		}
	}
}

// isLack reports whether err is a lack of one object, and which.
func isLack(err error, one **objectError) bool {
	var lack *lackError
	return errors.As(err, &lack) && errors.As(lack.why, one)
}

// askVerify asks once (git-lfs docs/api/basic-transfers.md, "Verification").
func (s *sending) askVerify(ctx context.Context, l *link) error {
	ctx, cancel := context.WithTimeout(ctx, s.bounds.batch)
	defer cancel()
	body, err := json.Marshal(requestObject{OID: s.object.OID.String(), Size: s.object.Size})
	if err != nil {
		return fmt.Errorf("encode object: %w", err)
	}
	resp, err := s.travel(l.href, true, func(to *url.URL, strayed bool) (*http.Request, error) {
		r, err := s.ask(ctx, http.MethodPost, l.at(to, strayed), bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Accept", mediaType)
		r.Header.Set("Content-Type", mediaType)
		return r, nil
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 200 && code <= 299:
		finish(resp)
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusGone, isBusy(code), isFull(code):
		return s.refused(s.object, resp)
	}
	return s.lack(fmt.Errorf("after all bytes %w", s.said(resp)))
}
