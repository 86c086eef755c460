package fault

import (
	"slices"
	"testing"
)

// Points are told of in order while somebody wants to know, and passed otherwise.
func TestPointsAreTold(t *testing.T) {
	var met []string
	At("before")
	Set(func(point string) { met = append(met, point) })
	At("one")
	At("two")
	Set(nil)
	At("after")
	if want := []string{"one", "two"}; !slices.Equal(met, want) {
		t.Errorf("met %q, want %q", met, want)
	}
}
