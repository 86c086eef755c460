package pack

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
)

// Guard runs f, which uses memory that lives in files, on foreign bytes. When the disk has
// no room for a page of it, or cannot give one back, the processor faults; that and every
// other panic becomes an error here instead of the end of the process: a bad repository
// costs one job. It holds for f's own goroutine only.
func Guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		fault, ok := p.(interface {
			runtime.Error
			Addr() uintptr
		})
		if !ok {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			return
		}
		err = fmt.Errorf("memory in a file at %#x: %w", fault.Addr(), syscall.ENOSPC)
	}()
	return f()
}
