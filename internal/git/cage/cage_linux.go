package cage

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// limit bounds what process pid, and what it will start, may use: an hour of CPU each, memory of its own and files as the
// command says, no core dump.
func limit(pid int, c Command) error {
	for resource, most := range map[int]int64{
		unix.RLIMIT_CPU:   3600,
		unix.RLIMIT_DATA:  c.memory(),
		unix.RLIMIT_FSIZE: c.maxFile(),
		unix.RLIMIT_CORE:  0,
	} {
		if err := lower(pid, resource, uint64(most)); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("limit child: %w", err)
		}
	}
	return nil
}

// lower sets a limit that may be lower already.
func lower(pid, resource int, most uint64) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &now); err != nil {
		return err
	}
	most = min(most, now.Max)
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: most, Max: most}, nil)
}

// reap waits for the child and kills what is left of its group. It does so while the child
// is a zombie: as long as it is, no other group can have its number.
func (c *Child) reap() error {
	pid := c.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	signalGroup(pid, syscall.SIGKILL)
	err := c.cmd.Wait()
	awaitGroup(pid)
	c.held.release()
	return err
}

// dieWithin bounds the wait for processes that were killed. They are counted for as long as nobody has reaped them, which
// a container's first process may never do.
const dieWithin = 5 * time.Second

// awaitGroup waits until nothing is left of a group: who is killed goes on until it is scheduled. Usually there is
// nothing left to begin with. Where this process is a container's first it inherits the rest of the group, and reaps it.
func awaitGroup(group int) {
	for end := time.Now().Add(dieWithin); signalGroup(group, 0) == nil && time.Now().Before(end); {
		if pid, err := unix.Wait4(-group, nil, unix.WNOHANG, nil); err != nil || pid == 0 { // not ours, or not dead yet
			time.Sleep(time.Millisecond)
		}
	}
}
