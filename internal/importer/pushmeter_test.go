package importer

import (
	"slices"
	"testing"
	"time"

	"rehome/internal/destination"
)

// TestWorkingIsToldAgain: as long as a destination works on what it got, that is told anew, with the time that passed and
// the refs that are done.
func TestWorkingIsToldAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000_000, 0)
	clock := func() time.Time { return now }
	w := newWorld(t, func(o *Options) { o.Clock = clock })
	var got []string
	p := &pushMeter{w: &worker{Importer: w.Importer}, store: func(_ int, working string) { got = append(got, working) }, meter: meter{clock: clock, start: now}}
	p.again() // nothing is sent yet
	p.read(destination.Progress{Bytes: 10, Total: 10, Sent: true, AllRefs: 2500})
	now = now.Add(150 * time.Second)
	p.again()
	p.read(destination.Progress{Bytes: 10, Total: 10, Sent: true, Refs: 1000, AllRefs: 2500})
	now = now.Add(time.Minute)
	p.read(destination.Progress{Bytes: 10, Total: 20})
	p.again()
	want := []string{
		"The destination is working on what it got; 0 of 2500 refs are done...",
		"The destination is working on what it got, for 2m30s now; 0 of 2500 refs are done...",
		"The destination is working on what it got, for 2m30s now; 1000 of 2500 refs are done...",
		"",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, note := range want {
		if left := withoutWorking(note); left != "" {
			t.Errorf("%q stays as %q", note, left)
		}
	}
}
