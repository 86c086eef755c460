package queue

import (
	"testing"
	"testing/synctest"
	"time"
)

// Of several alarms for one import the last one rings, those for others ring, too, and
// none rings after close.
func TestAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a alarms
		start, rang := time.Now(), make(chan string, 10)
		ring := func(what string) func() {
			return func() { rang <- what + " " + time.Since(start).String() }
		}
		a.set(1, time.Second, ring("first"))
		a.set(2, 2*time.Second, ring("other"))
		a.set(1, 3*time.Second, ring("last"))
		for _, want := range []string{"other 2s", "last 3s"} {
			if got := <-rang; got != want {
				t.Errorf("rang %s, want %s", got, want)
			}
		}
		a.set(1, time.Second, ring("never"))
		a.close()
		a.set(3, time.Second, ring("never"))
		time.Sleep(time.Minute)
		if len(rang) > 0 {
			t.Errorf("after close: %s", <-rang)
		}
	})
}
