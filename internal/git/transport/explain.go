package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
)

// maxText bounds foreign words in messages, in bytes.
const maxText = 300

// ErrTooLarge is wrapped by the error of a server that does not take so much in one request (status 413).
var ErrTooLarge = errors.New("the request is too large for the server")

// CutError is a failure to go on speaking to the other side, as opposed to anything on this machine.
type CutError struct{ Err error }

func (e *CutError) Error() string { return e.Err.Error() }

// Unwrap returns the error underneath.
func (e *CutError) Unwrap() error { return e.Err }

// Explain gives err, of a conversation, its code and a sentence for people, in which the other side is called by peer,
// "" for Source. discovery says that nothing has shown yet that there is a repository at all.
func Explain(ctx context.Context, err error, peer string, discovery bool) error {
	if ctx.Err() != nil {
		what := "fetch"
		if peer == Destination {
			what = "push"
		}
		return &rehome.Error{Code: rehome.Cancelled, Message: fmt.Sprintf("The %s was cancelled.", what), Err: err}
	}
	if discovery && errors.Is(err, egress.ErrNotHTTP) {
		e := NotARepository("what answers does not speak HTTP")
		e.Err = err
		return e
	}
	var known *rehome.Error
	if errors.As(err, &known) {
		return err
	}
	e := judge(err, the(peer), discovery)
	e.Err = err
	if errors.Is(err, context.DeadlineExceeded) {
		e.Err = fmt.Errorf("%w: %w", egress.ErrLate, err)
	}
	return e
}

// the names a peer in the middle of a sentence.
func the(peer string) string {
	if peer == "" {
		peer = Source
	}
	return "the " + peer
}

// begin makes text the beginning of a sentence.
func begin(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func judge(err error, peer string, discovery bool) *rehome.Error {
	var said *protocol.RemoteError
	var limit *protocol.LimitError
	switch {
	case errors.As(err, &said):
		return remoteSays(said.Text, peer, discovery)
	case errors.As(err, &limit):
		e := &rehome.Error{Code: rehome.LimitPassed, Message: fmt.Sprintf("%s has more than %d %s.", begin(peer), limit.Limit, limit.What)}
		if limit.What == protocol.WhatRefs && peer == "the "+Source {
			e.Hint = "If that many are meant to come, raise {max_refs}."
		}
		return e
	case IsDiskFull(err):
		return &rehome.Error{Code: rehome.DiskFull, Message: noRoom, Hint: makeRoom}
	}
	return judgeStream(err, peer, discovery)
}

// judgeStream judges what went wrong with the stream as such.
func judgeStream(err error, peer string, discovery bool) *rehome.Error {
	var cut *CutError
	broken := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, egress.ErrIdle) || errors.As(err, &cut)
	malformed := errors.Is(err, protocol.ErrMalformed)
	switch {
	case malformed && discovery:
		return NotARepository("what answers does not speak Git's protocol")
	case malformed:
		return &rehome.Error{Code: rehome.CorruptObject, Message: fmt.Sprintf("%s does not keep to Git's protocol (%s).", begin(peer), rehome.Clean(err.Error(), maxText))}
	case discovery && errors.Is(err, context.DeadlineExceeded):
		return &rehome.Error{Code: rehome.Unreachable, Message: begin(peer) + " did not tell its refs in time.", Hint: "Try again."}
	case broken && discovery:
		return &rehome.Error{Code: rehome.Unreachable, Message: begin(peer) + " stopped answering before it told its refs.", Hint: "Try again."}
	case broken:
		return &rehome.Error{Code: rehome.SourceCutOff, Message: begin(peer) + " stopped sending before the end.", Hint: "Try again; nothing of the broken transfer was kept."}
	case discovery:
		return &rehome.Error{Code: rehome.Unreachable, Message: fmt.Sprintf("The connection to %s broke.", peer), Hint: "Try again."}
	}
	return &rehome.Error{Code: rehome.Internal, Message: rehome.AsError(err).Message, Hint: rehome.AsError(err).Hint}
}

// What is said of a full disk.
const (
	noRoom   = "There is no room left on Rehome's disk."
	makeRoom = "Free some room and start the import again."
)

// IsDiskFull reports whether this machine had no room left.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// remoteSays puts the other side's last words into an error.
func remoteSays(text, peer string, discovery bool) *rehome.Error {
	text = rehome.Clean(text, maxText)
	if discovery {
		return NotARepository(fmt.Sprintf("the server says %q", text))
	}
	hint := fmt.Sprintf("Try again, or ask whoever runs %s.", peer)
	if strings.Contains(strings.ToLower(text), "corrupt") {
		hint = fmt.Sprintf("Run git fsck at %s.", peer)
	}
	return &rehome.Error{Code: rehome.SourceCutOff, Message: fmt.Sprintf("%s gave up: %q.", begin(peer), text), Hint: hint}
}

// NotARepository is the error of an address where something else is, or nothing; why says what, without a full stop.
func NotARepository(why string) *rehome.Error {
	return &rehome.Error{
		Code:    rehome.NotARepository,
		Message: fmt.Sprintf("There is no Git repository at this address: %s.", why),
		Hint:    "Check the address; it is the one git clone takes.",
	}
}

// late is the error of a server that is waited for no longer.
func late(host string, err error) *rehome.Error {
	return &rehome.Error{
		Code:    rehome.Unreachable,
		Message: fmt.Sprintf("%s does not answer in time.", rehome.Clean(host, 255)),
		Hint:    "Check the address, and that the server is up.",
		Err:     fmt.Errorf("%w: %w", egress.ErrLate, err),
	}
}
