package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/bucket"
	"rehome/internal/store"
	"rehome/internal/wire"
)

// failure is an error as outsiders see it: a status and GitHub's error object.
type failure struct {
	status  int
	message string
	fields  []fieldError
	retry   string // seconds until it is worth trying again; "" says nothing
}

// fieldError says what is wrong with one field of a request. Code is one of
// GitHub's: missing, missing_field, invalid, already_exists, unprocessable, custom; or unavailable or queue_limit, which
// a script can wait for.
type fieldError struct {
	Resource string `json:"resource"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
	Index    int    `json:"index,omitempty"` // the line or entry at fault, from 1
}

func (f *failure) Error() string { return f.message }

// Clients compare some of these texts to the letter.
var (
	errNotFound    = &failure{status: http.StatusNotFound, message: "Not Found"}
	errBadToken    = &failure{status: http.StatusUnauthorized, message: "Bad credentials"}
	errSignIn      = &failure{status: http.StatusUnauthorized, message: "Requires authentication"}
	errNoRights    = &failure{status: http.StatusForbidden, message: "Must have admin rights to Repository."}
	errBadJSON     = &failure{status: http.StatusBadRequest, message: "Problems parsing JSON"}
	errNoArray     = &failure{status: http.StatusBadRequest, message: "Body should be a JSON array of objects"}
	errNoObject    = &failure{status: http.StatusBadRequest, message: "Body should be a JSON object"}
	errBadVersion  = &failure{status: http.StatusBadRequest, message: "The API version in X-GitHub-Api-Version is not supported. Supported are " + strings.Join(versions, " and ") + "."}
	errLateBody    = &failure{status: http.StatusBadRequest, message: "The body did not come in time."}
	errInternal    = &failure{status: http.StatusInternalServerError, message: "Something went wrong inside Rehome. The server's log has the details under this answer's X-GitHub-Request-Id."}
	errUnavailable = &failure{status: http.StatusServiceUnavailable, message: "Unavailable due to service under maintenance."}
	errNoDatabase  = away("database", "The database does not answer.")
	errNoBucket    = away("object_store", "The object store does not answer.")
	errDiskFull    = &failure{status: http.StatusServiceUnavailable, message: "The server has no space left. Try again later."}
)

// away is errUnavailable with what is away.
func away(what, message string) *failure {
	f := *errUnavailable
	f.fields = []fieldError{{Resource: "Server", Field: what, Code: "unavailable", Message: message}}
	return &f
}

// lacksScope refuses a token that has none of the route's scopes.
func lacksScope(r route) *failure {
	return &failure{status: http.StatusForbidden, message: "This needs a token with the scope " + strings.ReplaceAll(r.scopes(), ", ", " or ") + "."}
}

func bodyTooLarge(limit int64) *failure {
	return &failure{status: http.StatusRequestEntityTooLarge, message: "The body is larger than " + strconv.FormatInt(limit, 10) + " bytes."}
}

// outcome is how a cause shows in an answer.
type outcome struct {
	status int
	code   string // of the fieldError; "" for an answer without one
}

// outcomes is the one table from a cause to an answer. A cause that is not in it is internal.
var outcomes = map[rehome.Code]outcome{
	rehome.NotFound:           {http.StatusNotFound, ""},
	rehome.Invalid:            {http.StatusUnprocessableEntity, "invalid"},
	rehome.AlreadyExists:      {http.StatusUnprocessableEntity, "already_exists"},
	rehome.BlockedByPolicy:    {http.StatusUnprocessableEntity, "invalid"},
	rehome.LimitPassed:        {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.Unreachable:        {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.NotARepository:     {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.CredentialsWanted:  {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.CredentialsRefused: {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.SourceCutOff:       {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.SourceShallow:      {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.CorruptObject:      {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.UnsafePath:         {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.LFSMissing:         {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.DestinationMissing: {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.DestinationRefused: {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.DestinationMoved:   {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.DestinationCutOff:  {http.StatusUnprocessableEntity, "unprocessable"},
	rehome.DiskFull:           {http.StatusServiceUnavailable, ""},
	rehome.Cancelled:          {http.StatusServiceUnavailable, ""},
}

// failureOf finds the answer for an error. resource is what the request was about.
func failureOf(err error, resource string) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, auth.ErrBadCredentials):
		return errBadToken
	case tooOften(err) != nil:
		return tooOften(err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return errUnavailable
	case errors.Is(err, bucket.ErrAway):
		return errNoBucket
	case store.Unavailable(err):
		return errNoDatabase
	}
	cause := rehome.AsError(err)
	out := outcomes[cause.Code]
	switch {
	case out.status == http.StatusNotFound:
		return errNotFound
	case errors.As(err, new(*noRoom)):
		return &failure{status: http.StatusServiceUnavailable, message: sentence(cause)}
	case cause.Code == rehome.DiskFull:
		return errDiskFull
	case out.status == http.StatusServiceUnavailable:
		return errUnavailable
	case out.status == 0:
		return errInternal
	}
	if errors.Is(err, store.ErrQueueLimit) {
		out.code = "queue_limit"
	}
	return invalid(fieldError{Resource: resource, Field: fieldAt(cause, resource), Code: out.code, Message: sentence(cause)})
}

// invalid is a 422 that names the fields at fault.
func invalid(fields ...fieldError) *failure {
	return &failure{status: http.StatusUnprocessableEntity, message: "Validation Failed", fields: fields}
}

// fieldAt names the field at fault. An address that policy refuses can only have come in
// the one field of the resource that has an address.
func fieldAt(e *rehome.Error, resource string) string {
	switch {
	case e.Field != "" || e.Code != rehome.BlockedByPolicy:
		return e.Field
	case resource == "Hook":
		return "config.url"
	}
	return "vcs_url"
}

// sentence is an error's message and hint as one text.
func sentence(e *rehome.Error) string {
	message := strings.TrimSpace(e.Message)
	if e.Hint == "" {
		return message
	}
	if message != "" && !strings.ContainsAny(message[len(message)-1:], ".!?") {
		message += "."
	}
	return strings.TrimSpace(message + " " + spelled(e.Hint))
}

// body is the error object, with the route's documentation.
func (f *failure) body(doc string) *wire.Object {
	o := wire.New("message", f.message)
	if len(f.fields) > 0 {
		o.Add("errors", f.fields)
	}
	o.Add("documentation_url", doc, "status", strconv.Itoa(f.status))
	return o
}
