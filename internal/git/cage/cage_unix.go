//go:build unix

package cage

import (
	"errors"
	"os"
	"syscall"
)

// signalGroup sends a signal to every process of a group.
func signalGroup(group int, s syscall.Signal) error {
	err := syscall.Kill(-group, s)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
