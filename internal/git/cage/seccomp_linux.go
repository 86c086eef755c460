//go:build linux && (amd64 || arm64)

package cage

import (
	"golang.org/x/sys/unix"
)

// forbidden is what git's pack programs never ask the kernel for, and who took one over would: a network, other processes,
// namespaces, mounts, keys, and doors into the kernel that had holes. The answer is EPERM, which the C library takes as well
// as any other when it looks for a name service.
var forbidden = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY,
	unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_SETSID,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_MKNODAT, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_FANOTIFY_INIT, unix.SYS_ACCT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL, unix.SYS_SYSLOG,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MQ_OPEN,
}

// namespaces are the flags of clone that make one.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// Where struct seccomp_data has things, on a machine that is little-endian: bytes.
const (
	callNumber = 0
	callArch   = 4
	firstLow   = 16 // half of the first argument
	secondHigh = 28 // half of the second argument
)

// verdict of the program on a call.
const (
	allowed = unix.SECCOMP_RET_ALLOW
	denied  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	unknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	fatal   = unix.SECCOMP_RET_KILL_PROCESS
)

// program returns the filter. ticket is what lets one through to setpgid, see newGroup.
func program(ticket uint32) []unix.SockFilter {
	p := []unix.SockFilter{
		load(callArch), skipIf(unix.BPF_JEQ, arch, 1), ret(fatal), // another table of calls: git is not built for it
		load(callNumber), skipUnless(unix.BPF_JGE, 1<<30, 1), ret(denied), // and another, on amd64 (x32)
	}
	for _, call := range forbidden {
		p = append(p, skipUnless(unix.BPF_JEQ, call, 1), ret(denied))
	}
	return append(p,
		skipUnless(unix.BPF_JEQ, unix.SYS_CLONE3, 1), ret(unknown), // its flags cannot be seen from here; the C library takes clone then
		skipUnless(unix.BPF_JEQ, unix.SYS_CLONE, 4), load(firstLow), skipUnless(unix.BPF_JSET, namespaces, 1), ret(denied), ret(allowed),
		skipUnless(unix.BPF_JEQ, unix.SYS_PRLIMIT64, 4), load(firstLow), skipIf(unix.BPF_JEQ, 0, 1), ret(denied), ret(allowed), // of itself only
		skipUnless(unix.BPF_JEQ, unix.SYS_SETPGID, 4), load(secondHigh), skipIf(unix.BPF_JEQ, ticket, 1), ret(fatal), ret(allowed),
		ret(allowed),
	)
}

// load takes a word of what is known of the call.
func load(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

// skipIf leaves the next n instructions out when the word compares so to k; skipUnless when it does not.
func skipIf(compare uint16, k uint32, n uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | compare, Jt: n, K: k}
}

func skipUnless(compare uint16, k uint32, n uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | compare, Jf: n, K: k}
}

func ret(verdict uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
}
