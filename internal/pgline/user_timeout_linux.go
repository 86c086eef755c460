package pgline

import (
	"time"

	"golang.org/x/sys/unix"
)

// setUserTimeout bounds how long what was sent stays without an acknowledgement: tcp(7), TCP_USER_TIMEOUT.
func setUserTimeout(fd int, most time.Duration) error {
	return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(most.Milliseconds()))
}
