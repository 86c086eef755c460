package main

import (
	"runtime"
	"testing"

	"rehome/internal/compute"
)

// A process that serves more than once shares its processors once.
func TestShareProcessors(t *testing.T) {
	n := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(n)
	defer compute.Limit(0)
	for range 2 {
		shareProcessors()
		if most, compute := runtime.GOMAXPROCS(0), compute.Processors(); most != n+spare || compute != n {
			t.Errorf("%d goroutines run at once, %d compute; want %d, %d", most, compute, n+spare, n)
		}
	}
}
