package auth

import (
	"fmt"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(3, func() time.Time { return now })
	for i, want := range []int{2, 1, 0, 0, 0} {
		r := l.Take("a", 1)
		if r.Remaining() != want || r.Exceeded() != (i >= 3) || !r.Reset.Equal(now.Add(time.Hour)) {
			t.Errorf("request %d: %d left, exceeded %v, until %v", i+1, r.Remaining(), r.Exceeded(), r.Reset)
		}
	}
	if r := l.Take("b", 1); r.Remaining() != 2 {
		t.Errorf("another token: %d left, want 2", r.Remaining())
	}
	if r := l.Take("b", 0); r.Remaining() != 2 {
		t.Errorf("asking: %d left, want 2", r.Remaining())
	}
	if r := l.GiveBack("b", l.Take("b", 1)); r.Remaining() != 2 {
		t.Errorf("given back: %d left, want 2", r.Remaining())
	}
	old := l.Take("b", 1)
	if got := old.Wait(now.Add(time.Hour - 1)); got != 1 {
		t.Errorf("wait %d s just before the end, want 1", got)
	}
	now = now.Add(time.Hour)
	l.Take("b", 1)
	l.GiveBack("b", old)
	if r := l.Take("b", 0); r.Remaining() != 2 {
		t.Errorf("given back too late: %d left, want 2", r.Remaining())
	}
	if r := l.Take("a", 1); r.Remaining() != 2 || r.Exceeded() {
		t.Errorf("an hour later: %d left, want 2", r.Remaining())
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(3, func() time.Time { return now })
	for i := range 3 * maxWindows {
		l.Take(fmt.Sprint(i), 1)
	}
	if len(l.windows) > maxWindows {
		t.Errorf("%d windows are kept, want at most %d", len(l.windows), maxWindows)
	}
}

// TestStrangersResetNobody: who comes from very many addresses has no more requests with a token, and nobody else's begin anew.
func TestStrangersResetNobody(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(3, func() time.Time { return now })
	for range 3 {
		l.Take("token", 1)
	}
	for i := range 5 * maxWindows {
		l.Take(fmt.Sprint("address ", i), 1+i%2)
	}
	if r := l.Take("token", 1); !r.Exceeded() {
		t.Errorf("%d left after strangers came, want none", r.Remaining())
	}
	if len(l.windows) > maxWindows {
		t.Errorf("%d windows are kept, want at most %d", len(l.windows), maxWindows)
	}
}
