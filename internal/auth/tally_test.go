package auth

import "testing"

func TestTally(t *testing.T) {
	c := NewTally[string](2)
	first, ok1 := c.Enter("a")
	_, ok2 := c.Enter("a")
	_, ok3 := c.Enter("a")
	_, ok4 := c.Enter("b")
	if !ok1 || !ok2 || ok3 || !ok4 {
		t.Errorf("let in: %v %v %v, another %v", ok1, ok2, ok3, ok4)
	}
	first()
	again, ok := c.Enter("a")
	if !ok {
		t.Error("one left, and nobody gets in")
	}
	again()
	c.leave("a")
	c.leave("b")
	if len(c.open) != 0 {
		t.Errorf("%v is remembered", c.open)
	}
}
