package main

import (
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHarden(t *testing.T) {
	harden()
	var core syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &core); err != nil || core.Cur != 0 || core.Max != 0 {
		t.Errorf("core dumps of %d bytes, %v", core.Max, err)
	}
	if seen, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || seen != 0 {
		t.Errorf("it can be looked into: %d, %v", seen, err)
	}
}
