package main

import (
	"slices"
	"testing"
)

// Why a step waits for another try is told once for each try.
func TestTriesAreTold(t *testing.T) {
	var told []string
	s := &single{display: watcher{note: func(text string) { told = append(told, text) }}}
	first, second := "Gone. Trying again at 10:00:00 UTC.", "Gone. Trying again at 10:00:10 UTC."
	for _, note := range []string{"", "the source is empty", first, first, "", first, second} {
		s.tellTry(note)
	}
	if want := []string{first, second}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
