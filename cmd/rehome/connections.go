package main

import "syscall"

// Open connections of clients.
const (
	mostConnections  = 4096
	leastConnections = 64
)

// maxConnections is how many clients may be connected: no more than half the files that may be open, for work needs some, too.
// Go has raised that limit as far as it goes.
func maxConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return mostConnections
	}
	return int(max(min(files.Cur/2, mostConnections), leastConnections))
}
