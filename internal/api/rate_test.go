package api

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &limiter{limit: 3, clock: func() time.Time { return now }, windows: map[string]window{}}
	for i, want := range []int{2, 1, 0, 0, 0} {
		r := l.take("a", 1)
		if r.remaining() != want || r.exceeded() != (i >= 3) || !r.reset.Equal(now.Add(time.Hour)) {
			t.Errorf("request %d: %d left, exceeded %v, until %v", i+1, r.remaining(), r.exceeded(), r.reset)
		}
	}
	if r := l.take("b", 1); r.remaining() != 2 {
		t.Errorf("another token: %d left, want 2", r.remaining())
	}
	if r := l.take("b", 0); r.remaining() != 2 {
		t.Errorf("asking: %d left, want 2", r.remaining())
	}
	if r := l.giveBack("b", l.take("b", 1)); r.remaining() != 2 {
		t.Errorf("given back: %d left, want 2", r.remaining())
	}
	old := l.take("b", 1)
	if got := old.wait(now.Add(time.Hour - 1)); got != 1 {
		t.Errorf("wait %d s just before the end, want 1", got)
	}
	now = now.Add(time.Hour)
	l.take("b", 1)
	l.giveBack("b", old)
	if r := l.take("b", 0); r.remaining() != 2 {
		t.Errorf("given back too late: %d left, want 2", r.remaining())
	}
	if r := l.take("a", 1); r.remaining() != 2 || r.exceeded() {
		t.Errorf("an hour later: %d left, want 2", r.remaining())
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := &limiter{limit: 3, clock: func() time.Time { return now }, windows: map[string]window{}}
	for i := range 3 * maxWindows {
		l.take(fmt.Sprint(i), 1)
	}
	if len(l.windows) > maxWindows {
		t.Errorf("%d windows are kept, want at most %d", len(l.windows), maxWindows)
	}
}
