package rehome

import (
	"errors"
	"strings"
)

// Code names a cause. Codes are stable: they stand in events, receipts and exit messages.
type Code string

// The causes an import can fail for.
const (
	Unreachable        Code = "unreachable"
	BlockedByPolicy    Code = "blocked_by_policy"
	NotARepository     Code = "not_a_repository"
	CredentialsWanted  Code = "credentials_wanted"
	CredentialsRefused Code = "credentials_refused"
	SourceCutOff       Code = "source_cut_off"
	SourceShallow      Code = "source_shallow"
	CorruptObject      Code = "corrupt_object"
	UnsafePath         Code = "unsafe_path"
	LimitPassed        Code = "limit_passed"
	LFSMissing         Code = "lfs_missing"
	DestinationMissing Code = "destination_missing"
	DestinationRefused Code = "destination_refused"
	DestinationMoved   Code = "destination_moved"
	DestinationCutOff  Code = "destination_cut_off"
	DiskFull           Code = "disk_full"
	Cancelled          Code = "cancelled"
	Internal           Code = "internal"
	Invalid            Code = "invalid"        // a request that can never be carried out as it stands
	NotFound           Code = "not_found"      // no such thing, or no right to see it
	AlreadyExists      Code = "already_exists" // the name is taken
)

// Error is a failure with a cause that people and programs can act on.
type Error struct {
	Code    Code
	Message string // what happened, for a person; holds no secret and no control character
	Hint    string // what to do about it, one sentence; may be empty
	Field   string // for Invalid and AlreadyExists: the field of the request at fault
	Err     error  // what was underneath, for the log only; may be nil
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first *Error in err's chain, Internal where there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// AsError returns the first *Error in err's chain. An error without one becomes
// Internal: its text stays in Err for the log and is not shown outside.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Message: "Something went wrong inside Rehome.", Hint: "Try again; the server's log has the details.", Err: err}
}

// Clean makes a text from outside fit for a message: control characters become
// spaces, invalid UTF-8 becomes U+FFFD, and it is cut to at most max bytes.
func Clean(s string, max int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) || isBidi(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= max {
		return s
	}
	return strings.ToValidUTF8(s[:max], "") + "…"
}

// isBidi reports whether r changes the direction of the text around it.
func isBidi(r rune) bool {
	return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0x061c
}
