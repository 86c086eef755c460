package main

import "testing"

// TestShare: unless somebody says otherwise, one user cannot take all workers of a process that has several.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		role    string
		workers int
		said    bool
		want    int
	}{
		{roleAll, 8, false, 6},
		{roleAll, 4, false, 3},
		{roleAll, 3, false, 0},
		{roleAll, 8, true, 0},
		{roleWorker, 8, false, 0},
		{roleAPI, 8, false, 0},
	} {
		f := roleFlags{role: c.role}
		if f.share(c.workers, c.said); f.running != c.want {
			t.Errorf("%+v: %d", c, f.running)
		}
	}
}
