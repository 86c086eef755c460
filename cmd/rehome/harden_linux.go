package main

import "golang.org/x/sys/unix"

// hide lets only root read the environment and the memory of this process in /proc, or trace it. Programs that it starts can be looked into as ever.
func hide() {
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) //nolint:errcheck // see harden
}
