package main

import (
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		text, shown string
		want        time.Duration
	}{
		{"30d", "30d", 30 * day},
		{"12h", "12h0m0s", 12 * time.Hour},
		{"1d12h", "36h0m0s", 36 * time.Hour},
		{"36500d", "36500d", 36500 * day},
		{"0", "0s", 0},
		{"0d", "0s", 0},
		{"90s", "1m30s", 90 * time.Second},
	} {
		var s duration
		if err := s.Set(c.text); err != nil || time.Duration(s) != c.want || s.String() != c.shown {
			t.Errorf("%q is %v, shown as %s: %v", c.text, time.Duration(s), s.String(), err)
		}
	}
	for _, text := range []string{"", "d", "30", "-1d", "1d-1h", "-5h", "x", "99999999999d", "1.5d", "30 d", "1d1d"} {
		var s duration
		if err := s.Set(text); err == nil {
			t.Errorf("%q is taken for %v", text, time.Duration(s))
		}
	}
}
