package importer

import (
	"testing"
	"time"

	"rehome"
)

// TestPace: what counts is how fast it goes lately, and nothing is told before that says something.
func TestPace(t *testing.T) {
	start := time.Unix(1_000_000_000, 0)
	var p pace
	tell := func(second float64, percent int, bytes int64) *rehome.ProgressEvent {
		e := &rehome.ProgressEvent{Percent: &percent, Bytes: bytes}
		p.tell(start, start.Add(time.Duration(second*float64(time.Second))), e)
		return e
	}
	if e := tell(0.5, 0, 500); e.Rate != 0 || e.ETA != nil {
		t.Errorf("after half a second: %d B/s, %v left", e.Rate, e.ETA)
	}
	for second := 1; second <= 20; second++ { // 1% and 1000 bytes a second
		e := tell(float64(second), second, 1000*int64(second))
		if second >= 2 && (e.Rate < 900 || e.Rate > 1100 || e.ETA == nil || *e.ETA != int64(100-second)) {
			t.Fatalf("after %d s: %d B/s, left %v", second, e.Rate, e.ETA)
		}
	}
	for n := 1; n <= 20; n++ { // and then 2%, and 4000 bytes
		e := tell(float64(20+n), 20+2*n, 20_000+4000*int64(n))
		if n >= 11 && (e.Rate != 4000 || *e.ETA != int64(80-2*n)/2) {
			t.Fatalf("%d s after it became faster: %d B/s, %d left", n, e.Rate, *e.ETA)
		}
	}
	for n, was := 1, int64(20); n <= 30; n++ { // nothing comes any more
		e := tell(40+float64(n), 60, 100_000)
		if *e.ETA > was || n >= 11 && e.Rate != 0 {
			t.Fatalf("%d s after it stopped: %d B/s, %d left", n, e.Rate, *e.ETA)
		}
		was = *e.ETA
	}
	if e := tell(71, 60, 10); e.Rate != 0 {
		t.Errorf("another piece of work: %d B/s", e.Rate)
	}
}
