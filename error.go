package rehome

import (
	"errors"
	"strings"
	"syscall"
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

// CodeOf returns the code of the first *Error in err's chain. Without one it is
// DiskFull where the chain ends in a full disk or quota, else Internal.
func CodeOf(err error) Code { return AsError(err).Code }

// AsError returns the first *Error in err's chain, or one of the code that CodeOf
// gives. Of an Internal one the text stays in Err for the log and is not shown outside.
func AsError(err error) *Error {
	var e *Error
	known := errors.As(err, &e)
	switch {
	case known && e.Code != Internal:
		return e
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &Error{
			Code: DiskFull, Message: "The server has no space left.",
			Hint: "Ask its operator, then start the import again.", Err: err,
		}
	case known:
		return e
	}
	return &Error{Code: Internal, Message: "Something went wrong inside Rehome.", Hint: "Try again; the server's log has the details.", Err: err}
}

// Clean makes a text from outside fit for a message: control characters become
// spaces, runs of spaces one, invalid UTF-8 becomes U+FFFD, and what is longer than max
// bytes is cut there and ends in "…".
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
