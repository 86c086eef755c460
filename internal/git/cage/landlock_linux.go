package cage

import (
	"errors"
	"maps"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights to files (landlock(7)).
const (
	read = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	run  = read | unix.LANDLOCK_ACCESS_FS_EXECUTE
	edit = read | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
	device = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	ofFile = device | unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_TRUNCATE // what a file, no folder, can have
)

// What versions of the interface know: the second all up to REFER.
const (
	second = 1<<14 - 1
	third  = unix.LANDLOCK_ACCESS_FS_TRUNCATE
	fourth = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	fifth  = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
)

// system is what any program needs to run, and where systems keep it. Of /etc single files only: there are secrets in it,
// which a child of root could read.
var system = map[string]uint64{
	"/usr": run, "/bin": run, "/sbin": run, "/lib": run, "/lib32": run, "/lib64": run, "/opt": run, "/nix/store": run, "/gnu/store": run,
	"/etc/ld.so.cache": read, "/etc/ld.so.preload": read, "/etc/localtime": read, "/etc/nsswitch.conf": read, "/etc/passwd": read, "/etc/group": read,
	"/dev/null": device, "/dev/zero": read, "/dev/random": read, "/dev/urandom": read, "/sys/devices/system/cpu": read,
}

// confine leaves the thread the files that c may have and those below programs, no TCP, and no signals to others.
func (m means) confine(c Command, programs []string) error {
	if m.landlock == 0 || c.Files == All {
		return nil
	}
	attr := m.handled()
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(fd))
	for path, rights := range c.rights(programs) {
		if err := allow(int(fd), path, rights&attr.Handled_access_fs); err != nil {
			return err
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// handled is what is forbidden where no rule allows it: all that the kernel knows.
func (m means) handled() unix.LandlockRulesetAttr {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: second}
	if m.landlock >= 3 {
		attr.Handled_access_fs |= third
	}
	if m.landlock >= 4 {
		attr.Handled_access_net = fourth
	}
	if m.landlock >= 5 {
		attr.Handled_access_fs |= fifth
	}
	if m.landlock >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	if m.signals {
		attr.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// rights says what a child may do with files and folders, and all that is below them.
func (c Command) rights(programs []string) map[string]uint64 {
	all := map[string]uint64{}
	if c.Files == ReadAll {
		all["/"], all["/dev/null"] = run, device
	} else {
		maps.Copy(all, system)
		for _, path := range programs {
			all[path] |= run
		}
	}
	all[c.Dir] |= read
	if c.Program == ReceivePack {
		all[c.Dir] |= edit
	}
	return all
}

// allow adds a rule. A path that is not there needs none.
func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// landlockVersion returns the version of the kernel's interface. The first counts for none: it lets nobody move files from
// folder to folder, as receive-pack does. signals says whether signals can be kept in; before erratum 2 that kept a process's
// own threads apart, too, and Go's send each other some.
func landlockVersion() (version int, signals bool) {
	ask := func(what uintptr) int {
		answer, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, what)
		if errno != 0 {
			return 0
		}
		return int(answer)
	}
	version = ask(unix.LANDLOCK_CREATE_RULESET_VERSION)
	if version < 2 {
		return 0, false
	}
	return version, version >= 6 && ask(unix.LANDLOCK_CREATE_RULESET_ERRATA)&(1<<1) != 0
}
