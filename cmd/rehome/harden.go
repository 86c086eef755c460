package main

import (
	"net/url"
	"syscall"
)

// harden keeps what this process knows, passwords among it, out of core dumps and from other programs of the same user. What cannot be
// had is gone without.
func harden() {
	syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) //nolint:errcheck // see above
	hide()
}

// hasPassword reports whether text is a URL with a password in it.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return false
	}
	_, has := u.User.Password()
	return has
}
