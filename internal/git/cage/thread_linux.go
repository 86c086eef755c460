package cage

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// onThread calls do on a thread that nobody else gets: what do gives up there is given up for that thread, and for the
// children it starts, from before their first instruction. Go makes no other thread out of it. The group waits for its end.
func onThread(ends *sync.WaitGroup, do func()) {
	ends.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			do()
			return
		}
		// The first thread is what others see of the process, and stays as it is. While it is held here, there is another.
		var other sync.WaitGroup
		other.Go(func() {
			runtime.LockOSThread()
			do()
		})
		other.Wait()
		runtime.UnlockOSThread()
	})
}

// means are what this kernel has to confine a thread with. The zero value is nothing.
type means struct {
	seccomp  bool
	landlock int  // version of its interface; 0 for none
	signals  bool // Landlock keeps signals in
}

// found says what the kernel has, after trying it once.
var found = sync.OnceValue(func() (m means) {
	var tried sync.WaitGroup
	onThread(&tried, func() {
		version, signals := landlockVersion()
		if files := (means{landlock: version, signals: signals}); files.giveUp(Command{Dir: "/"}, nil, 0) == nil {
			m = files
		}
		m.seccomp = program(0) != nil && means{seccomp: true}.giveUp(Command{}, nil, 0) == nil
	})
	tried.Wait()
	return m
})

// kept are the capabilities that a child of root keeps: to read and write files whoever owns them.
const kept = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID

// giveUp leaves the thread what a child may have, no more.
func (m means) giveUp(c Command, programs []string, ticket uint32) error {
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("drop capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up privileges: %w", err)
	}
	if err := m.confine(c, programs); err != nil {
		return fmt.Errorf("give up files: %w", err)
	}
	if err := m.filter(ticket); err != nil {
		return fmt.Errorf("give up system calls: %w", err)
	}
	return nil
}

// dropCapabilities asks for nothing where there is nothing to drop: who has none may be forbidden to ask.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData // the low 32, and the high
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	left := [2]unix.CapUserData{{Effective: have[0].Effective & kept, Permitted: have[0].Permitted & kept}}
	if left == have {
		return nil
	}
	return unix.Capset(&header, &left[0])
}

// filter has the kernel hold every system call of the thread against a program. Kernels that know the flag run children slower
// without it; those before 4.17, and emulations of Linux, refuse what they do not know.
func (m means) filter(ticket uint32) error {
	if !m.seccomp {
		return nil
	}
	p := program(ticket)
	f := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW, uintptr(unsafe.Pointer(&f)))
	if errno == unix.EINVAL {
		_, _, errno = unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&f)))
	}
	if errno != 0 {
		return errno
	}
	return nil
}
