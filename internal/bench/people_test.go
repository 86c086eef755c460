package main

import (
	"path/filepath"
	"testing"

	"rehome/internal/testenv"
)

// TestTouching counts by hand what an author's commits and their descendants are.
func TestTouching(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a.git")
	testenv.Synthetic(t, dir, "sha1", testenv.Size{Commits: 400, Authors: 90})
	p, err := readPeople(t.Context(), dir)
	if err != nil || len(p.commits) != 400 {
		t.Fatalf("%d commits, %v", len(p.commits), err)
	}
	who, got := p.touching(0.1)
	want := 0
	touched := make([]bool, len(p.commits))
	for n, c := range p.commits {
		touched[n] = p.list[c.by[0]] == who || p.list[c.by[1]] == who
		for _, parent := range c.parents {
			touched[n] = touched[n] || touched[parent]
		}
		if touched[n] {
			want++
		}
	}
	if got != want || got == 0 {
		t.Errorf("%s and descendants: got %d commits, want %d", who, got, want)
	}
	if mail, ids := p.busiest(); mail == "" || len(ids) != 1 {
		t.Errorf("the busiest is %q: %v", mail, ids)
	}
}
