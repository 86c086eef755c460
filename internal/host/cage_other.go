//go:build unix && !linux

package host

import "syscall"

// processGroup makes a child the head of a group of its own.
func processGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limit does nothing: only Linux can limit a process that runs already.
func limit(int, int64) error { return nil }
