package cage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// held is what a child hangs on.
type held struct {
	tether *os.File       // closed to kill what is left of the group, as the kernel does when this process ends
	ended  chan struct{}  // closed to end the thread
	thread sync.WaitGroup // the thread that the child was started from
}

// launch starts the child from a thread that has given up what the child may not have. The thread lasts as long as the
// child does: Pdeathsig waits for its end.
func (c *Child) launch(command Command) error {
	end, err := c.tie()
	if err != nil {
		c.cmd.Err = err // as below
		return c.cmd.Start()
	}
	defer end.Close()
	m, ticket := found(), rand.Uint32()|1
	programs := programsOf(c.cmd.Path)
	c.cmd.SysProcAttr = newGroup(ticket)
	c.held.ended = make(chan struct{})
	started := make(chan error)
	onThread(&c.held.thread, func() {
		if err := m.giveUp(command, programs, ticket); err != nil {
			c.cmd.Err = err // Start closes what is open, and returns it
		}
		started <- c.cmd.Start()
		<-c.held.ended
	})
	if err := <-started; err != nil {
		c.held.release()
		return err
	}
	err = tieTo(end, c.cmd.Process.Pid)
	if err == nil {
		err = limit(c.cmd.Process.Pid, command)
	}
	if err != nil {
		signalGroup(c.cmd.Process.Pid, syscall.SIGKILL)
		c.cmd.Wait()
		c.held.release()
	}
	return err
}

// newGroup makes a child the head of a group of its own, which neither it nor what it starts can leave: setpgid reads only
// the low half of its argument, and the filter kills who has not the ticket in the high half.
func newGroup(ticket uint32) *syscall.SysProcAttr {
	group := uint64(ticket) << 32
	return &syscall.SysProcAttr{Setpgid: true, Pgid: int(group), Pdeathsig: syscall.SIGKILL}
}

// programsOf returns the folders a program and what its links lead to are in, and those that its installation has beside.
func programsOf(path string) []string {
	folders := []string{filepath.Dir(path)}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		bin := filepath.Dir(real)
		folders = append(folders, bin, filepath.Join(bin, "../lib"), filepath.Join(bin, "../libexec"))
	}
	return folders
}

// tie gives the child one end of a pipe, which everything it starts inherits.
func (c *Child) tie() (end *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	end, c.held.tether = os.NewFile(uintptr(fds[0]), "|0"), os.NewFile(uintptr(fds[1]), "|1")
	c.cmd.ExtraFiles = []*os.File{end}
	return end, nil
}

// tieTo has the kernel kill a whole group when the other end of the pipe is closed (fcntl(2), O_ASYNC): Pdeathsig is the
// head's alone.
func tieTo(end *os.File, group int) error {
	fd := end.Fd()
	_, err := unix.FcntlInt(fd, unix.F_SETSIG, int(unix.SIGKILL))
	if err == nil {
		_, err = unix.FcntlInt(fd, unix.F_SETOWN, -group)
	}
	if err == nil {
		_, err = unix.FcntlInt(fd, unix.F_SETFL, unix.O_ASYNC)
	}
	if err != nil {
		return fmt.Errorf("tie child: %w", err)
	}
	return nil
}

// release ends what holds the child, which has ended.
func (h *held) release() {
	h.tether.Close()
	close(h.ended)
	h.thread.Wait()
}
