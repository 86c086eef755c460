package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"

	"rehome"
)

// mediaType is that of every request and answer in JSON (git-lfs docs/api/batch.md).
const mediaType = "application/vnd.git-lfs+json"

// refusal is an error as clients see it.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return e.text }

// retryAfter is when a client is asked to come again, in seconds.
const retryAfter = "30"

// later refuses what can be tried again.
func (x *exchange) later(text string) error {
	x.w.Header().Set("Retry-After", retryAfter)
	return &refusal{http.StatusServiceUnavailable, text}
}

// wantUpload refuses uploads of those who may only read, and such as would fill the disk.
func (x *exchange) wantUpload() error {
	if err := x.wantWrite(); err != nil {
		return err
	}
	if err := x.Room(); err != nil {
		return x.later(rehome.AsError(err).Message)
	}
	return nil
}

// leaving is how long a client may take to send what is left of a request that has been refused.
const leaving = 5 * time.Second

// refuse answers with what went wrong; what is nobody's business goes to the log only.
func (x *exchange) refuse(err error) {
	var no *refusal
	switch {
	case errors.As(err, &no):
	case errors.Is(err, os.ErrDeadlineExceeded):
		no = &refusal{http.StatusRequestTimeout, "The request did not come in time."}
	case isDiskFull(err):
		x.Log.ErrorContext(x.r.Context(), "LFS request failed", "repository", x.repoID, "error", err)
		no = &refusal{http.StatusInsufficientStorage, "The server has no space left. Try again later."}
	case rehome.CodeOf(err) == rehome.Unreachable: // the store said so of an object
		x.w.Header().Set("Retry-After", retryAfter)
		no = &refusal{http.StatusServiceUnavailable, rehome.AsError(err).Message}
	case rehome.CodeOf(err) == rehome.NotFound:
		no = &refusal{http.StatusNotFound, "Repository not found."}
	case errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		x.Log.InfoContext(x.r.Context(), "LFS request broke off", "repository", x.repoID, "error", err)
		no = &refusal{http.StatusBadRequest, "The request broke off."}
	default:
		x.Log.ErrorContext(x.r.Context(), "LFS request failed", "repository", x.repoID, "error", err)
		no = &refusal{http.StatusInternalServerError, "Something went wrong inside Rehome."}
	}
	if x.r.ContentLength != 0 {
		x.w.Header().Set("Connection", "close")                                  // net/http would wait for the rest of the request before it answers
		http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(leaving)) //nolint:errcheck // a writer without deadlines is a test's
	}
	Refuse(x.w, no.status, no.text)
}

// isDiskFull reports whether err comes of a lack of space.
func isDiskFull(err error) bool {
	return rehome.CodeOf(err) == rehome.DiskFull ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// Refuse answers with an error as the Git LFS API has them (docs/api/batch.md, "Response Errors"), a 401
// with what it wants. The request id is the one in the answer's X-GitHub-Request-Id.
func Refuse(w http.ResponseWriter, status int, message string) {
	h := w.Header()
	if status == http.StatusUnauthorized {
		h.Set("LFS-Authenticate", `Basic realm="Rehome"`)
		h.Set("WWW-Authenticate", `Basic realm="Rehome"`)
	}
	answer(w, status, struct {
		Message   string `json:"message"`
		RequestID string `json:"request_id,omitempty"`
	}{message, h.Get("X-GitHub-Request-Id")})
}

// answer sends a value that JSON can hold.
func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // only types of this package come here
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	w.Write(body) //nolint:errcheck // the client has left
}
