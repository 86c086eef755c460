package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

// Limits of a request in JSON.
const (
	maxJSON    = 1 << 20          // bytes: much more than maxBatch objects need
	jsonWithin = 30 * time.Second // for all of it to come
	maxBatch   = 1000             // objects; git-lfs asks for 100 at once
)

// idle is how long a client may take for the next step bytes of an upload, some 200 a second, and how long it
// may take nothing of a download.
const (
	idle = 5 * time.Minute
	step = 64 << 10
)

// readJSON reads the body of a POST into value, which is a pointer.
func (x *exchange) readJSON(value any) error {
	if x.r.Method != http.MethodPost {
		return x.methodIsNot(http.MethodPost)
	}
	if err := checkMedia(x.r.Header); err != nil {
		return err
	}
	control := http.NewResponseController(x.w)
	control.SetReadDeadline(time.Now().Add(jsonWithin)) //nolint:errcheck // a writer without deadlines is a test's
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxJSON))
	control.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	tooLarge := (*http.MaxBytesError)(nil)
	switch {
	case errors.As(err, &tooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, "The request is too large."}
	case err != nil:
		return err
	}
	return decode(body, value)
}

// decode reads a request's JSON.
func decode(body []byte, value any) error {
	err := json.Unmarshal(body, value)
	wrongType := (*json.UnmarshalTypeError)(nil)
	switch {
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return &refusal{http.StatusUnprocessableEntity, fmt.Sprintf("The request's %q has the wrong type.", wrongType.Field)}
	case errors.As(err, &wrongType):
		return &refusal{http.StatusUnprocessableEntity, "The request is no JSON object."}
	case err != nil:
		return &refusal{http.StatusBadRequest, "The request is no JSON."}
	}
	return nil
}

// checkMedia wants the API's media type in what a client sends and in what it takes.
func checkMedia(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != mediaType || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &refusal{http.StatusUnsupportedMediaType, "The Content-Type has to be " + mediaType + "."}
	}
	if !isPlain(h) {
		return errCoding
	}
	accepts := h.Values("Accept")
	if len(accepts) == 0 {
		return nil
	}
	for kind := range strings.SplitSeq(strings.Join(accepts, ","), ",") {
		kind, _, _ = strings.Cut(kind, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case mediaType, "application/*", "*/*":
			return nil
		}
	}
	return &refusal{http.StatusNotAcceptable, "The Accept header has to have " + mediaType + "."}
}

var errCoding = &refusal{http.StatusUnsupportedMediaType, "The request comes in a content coding that is not known."}

// isPlain reports whether a body comes as it is.
func isPlain(h http.Header) bool {
	coding := h.Get("Content-Encoding")
	return coding == "" || coding == "identity"
}

// body is a request's body that ends with ctx and does not wait for ever.
type body struct {
	r       io.Reader
	ctx     context.Context
	control *http.ResponseController
	idle    time.Duration
	step    int // bytes that have to come in idle
	left    int // of them, until there is time for the next; 0 before the first
}

func (b *body) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.control.SetReadDeadline(time.Now().Add(b.idle)) //nolint:errcheck // a writer without deadlines is a test's
		b.left = b.step
	}
	n, err := b.r.Read(p)
	b.left -= n
	if err == io.EOF {
		// net/http goes on reading, to see when the client leaves: that may take longer.
		b.control.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	}
	// net/http ends the request's context when a read fails, so a deadline of ours comes with both.
	late := errors.Is(err, os.ErrDeadlineExceeded)
	if ctxErr := b.ctx.Err(); ctxErr != nil && err != nil && err != io.EOF && !late {
		err = fmt.Errorf("read request: %w", ctxErr)
	}
	return n, err
}

// slowWriter is a response that a client may take as slowly as it likes, as long as it takes something.
type slowWriter struct {
	http.ResponseWriter
	idle time.Duration
}

func (w *slowWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *slowWriter) Write(p []byte) (int, error) {
	http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.idle)) //nolint:errcheck // a writer without deadlines is a test's
	return w.ResponseWriter.Write(p)
}
