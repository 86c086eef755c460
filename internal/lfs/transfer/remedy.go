package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/lfs"
)

// isQuota reports whether a server says that no more goes into it, whatever the object.
func isQuota(why *statement) bool {
	return isFull(why.code) || has(why, "quota", "data pack", "storage limit", "storage space", "no space", "bandwidth", "billing", "budget", "has exceeded")
}

// isSize reports whether a server says that an object is too large.
func isSize(why *statement) bool {
	return why.code == http.StatusRequestEntityTooLarge || has(why, "too large", "too big", "larger than", "less than or equal", "maximum", "size limit")
}

func has(why *statement, any ...string) bool {
	text := strings.ToLower(why.words)
	return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(text, s) })
}

// remedy says what to do about a destination that takes no object, or not one.
func remedy(why *statement) string {
	switch {
	case isQuota(why):
		return "Make room for Git LFS there, or have its quota raised, then start again: what has arrived is not sent twice."
	case isSize(why):
		return "Have its limit for Git LFS objects raised, or leave the file out of the history, then start again."
	case why.code == http.StatusUnauthorized || why.code == http.StatusForbidden:
		return destination.wrong
	}
	return "Put right what it says, or ask whoever runs it, then start again: what has arrived is not sent twice."
}

// unusable is the error of a destination that objects cannot go to, be they what they may.
func (p *peer) unusable(why error) error {
	var e *rehome.Error
	if errors.As(why, &e) {
		return e
	}
	e = &rehome.Error{
		Code: p.side.refused, Message: fmt.Sprintf("The %s cannot be used: %s.", p.name(), rehome.Clean(why.Error(), maxText)),
		Hint: "Check its address, or ask whoever runs it.", Err: why,
	}
	var s *statement
	missing := errors.As(why, &s) && slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone, http.StatusNotImplemented}, s.code)
	if missing || errors.Is(why, errNoLFS) {
		e.Code = rehome.DestinationMissing
		e.Message = fmt.Sprintf("The destination does not offer Git LFS at %s: %s.", rehome.Clean(p.Endpoint.Host, maxText), rehome.Clean(why.Error(), maxText))
		e.Hint = "Switch Git LFS on for that repository; if it is on, check the address, and that the user may push there: many forges answer so to those who may not."
	}
	return e
}

// refusal is the error of a destination that does not take one object.
func (p *peer) refusal(o lfs.Object, why error) *rehome.Error {
	var s *statement
	if !errors.As(why, &s) {
		s = &statement{words: rehome.Clean(why.Error(), maxText)}
	}
	return &rehome.Error{
		Code: p.side.refused, Message: fmt.Sprintf("The %s does not take object %s of %d bytes: %v", p.name(), o.OID, o.Size, why),
		Hint: remedy(s), Err: why,
	}
}
