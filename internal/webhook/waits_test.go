package webhook

import (
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
)

// TestThreeDays lets a receiver be dead, on a clock of its own: the waits grow, and three days after the first attempt there is no other.
func TestThreeDays(t *testing.T) {
	h := bare(t, egress.Policy{})
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for range 200 {
		now := first
		h.Clock = func() time.Time { return now }
		d := rehome.Delivery{CreatedAt: first, Answer: rehome.Answer{Text: timedOut}}
		for {
			d.Attempts++
			now = now.Add(h.limits.attempt)
			wait := h.again(d)
			if wait == never {
				break
			}
			want := defaultWaits[min(d.Attempts, len(defaultWaits))-1]
			if wait < want*9/10 || wait > want*11/10 {
				t.Fatalf("after attempt %d: %v, want about %v", d.Attempts, wait, want)
			}
			now = now.Add(wait)
		}
		if d.Attempts < 9 || d.Attempts > 10 || now.Sub(first) > tryFor+h.limits.attempt || now.Sub(first) < tryFor-27*time.Hour {
			t.Errorf("%d attempts in %v", d.Attempts, now.Sub(first))
		}
	}
}

func TestAgain(t *testing.T) {
	h := bare(t, egress.Policy{})
	now := time.Now()
	h.Clock = func() time.Time { return now }
	for _, c := range []struct {
		answer rehome.Answer
		age    time.Duration
		again  bool
	}{
		{rehome.Answer{Code: 200}, 0, false},
		{rehome.Answer{Code: 299}, 0, false},
		{rehome.Answer{Code: 410}, 0, false},
		{rehome.Answer{Code: 302}, 0, true},
		{rehome.Answer{Code: 404}, 0, true},
		{rehome.Answer{Code: 500}, 71 * time.Hour, true},
		{rehome.Answer{Code: 500}, 72 * time.Hour, false},
		{rehome.Answer{Text: timedOut}, 0, true},
		{rehome.Answer{Text: unreadable}, 0, true},
		{rehome.Answer{Text: inactive}, 0, false},
	} {
		got := h.again(rehome.Delivery{Attempts: 1, CreatedAt: now.Add(-c.age), Answer: c.answer})
		if got != never != c.again {
			t.Errorf("%+v at the age of %v: %v", c.answer, c.age, got)
		}
	}
}
