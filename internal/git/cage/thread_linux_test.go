//go:build linux && (amd64 || arm64)

package cage

import (
	"errors"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// under calls do on a thread without capabilities, whose system calls the kernel holds against p.
func under(p []unix.SockFilter, do func() error) error {
	var ends sync.WaitGroup
	var err error
	onThread(&ends, func() {
		var none [2]unix.CapUserData
		err = errors.Join(
			unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]),
			unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
		)
		f := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
		if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&f))); errno != 0 {
			err = errno
		}
		if err == nil {
			err = do()
		}
	})
	ends.Wait()
	return err
}

// secondLow is where the low half of a call's second argument is.
const secondLow = 24

// What an old kernel, an emulation of one, or a service manager refuses does not cost the rest.
func TestRefusedCalls(t *testing.T) {
	needs(t, found().seccomp)
	const invalid = unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)
	for name, tt := range map[string]struct {
		filter []unix.SockFilter
		do     func() error
	}{
		"flags of seccomp": {
			[]unix.SockFilter{
				load(callNumber), skipIf(unix.BPF_JEQ, unix.SYS_SECCOMP, 1), ret(allowed),
				load(secondLow), skipIf(unix.BPF_JEQ, 0, 1), ret(invalid), ret(allowed),
			},
			func() error { return means{seccomp: true}.filter(0) },
		},
		"capset": {
			[]unix.SockFilter{load(callNumber), skipUnless(unix.BPF_JEQ, unix.SYS_CAPSET, 1), ret(denied), ret(allowed)},
			dropCapabilities,
		},
	} {
		if err := under(tt.filter, tt.do); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
