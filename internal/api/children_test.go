package api

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestSlots: nobody has more than their share, all together no more than there are, and who waits gets what is given back.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(3, 2)
		one, _ := s.enter(t.Context(), "a")
		two, _ := s.enter(t.Context(), "a")
		gave := make(chan func(), 1)
		go func() {
			leave, _ := s.enter(t.Context(), "a")
			gave <- leave
		}()
		synctest.Wait()
		if len(gave) > 0 {
			t.Fatal("a third slot for one client")
		}
		other, ok := s.enter(t.Context(), "b")
		if !ok {
			t.Fatal("a client's many requests keep another out")
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, ok := s.enter(ended, "c"); ok {
			t.Fatal("a slot more than there are")
		}
		one()
		one() // counts once
		synctest.Wait()
		third := <-gave
		for _, leave := range []func(){two, other, third} {
			leave()
		}
		if s.taken != 0 || len(s.of) != 0 {
			t.Errorf("%d taken, %v", s.taken, s.of)
		}
	})
}
