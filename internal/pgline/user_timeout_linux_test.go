package pgline

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel is told when to give up, on what was sent and on a connection where nothing moves.
func TestKernelGivesUp(t *testing.T) {
	here, _ := dialed(t, New(0))
	raw, err := here.(*line).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		level, option int
		want          int
	}{
		{"unacknowledged, ms", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 20_000},
		{"probes", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{"idle, s", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10},
		{"between, s", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		{"lost probes", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		var got int
		failed := raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), c.level, c.option) })
		if failed != nil || err != nil || got != c.want {
			t.Errorf("%s: %d, %v, %v; want %d", c.name, got, failed, err, c.want)
		}
	}
}
