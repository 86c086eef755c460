// Package fault names points in the work where a test can end or stop the process.
//
// What is done in front of a point and what is done behind it are two things: a process that ends between them leaves
// the first and not the second. The names stand in the code, at the calls of At.
package fault

import "sync/atomic"

var meet atomic.Pointer[func(point string)]

// Set has every point that is passed told to meet, from any goroutine; nil ends that. Only tests call it.
func Set(to func(point string)) {
	if to == nil {
		meet.Store(nil)
		return
	}
	meet.Store(&to)
}

// At passes a point.
func At(point string) {
	if f := meet.Load(); f != nil {
		(*f)(point)
	}
}
