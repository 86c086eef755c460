package api

import "testing"

func TestSpelled(t *testing.T) {
	for _, test := range []struct{ hint, want string }{
		{"Or choose {on_divergence: skip}.", `Or choose "on_divergence": "skip" at PUT …/import/destination.`},
		{"go on without them: {allow_missing_lfs}.", `go on without them: "allow_missing_lfs": true.`},
		{"Choose {use_lfs: opt_in}, {exclude_refs} or {create}.", `Choose "use_lfs": "opt_in" at PATCH …/import/lfs, "exclude_refs" or "create": true at PUT …/import/destination.`},
		{"Choose a smaller {push_limit}, or a map: {authors}.", "Choose a smaller --push-limit of rehome serve, or a map: PUT …/import/authors."},
	} {
		if got := spelled(test.hint); got != test.want {
			t.Errorf("%q: got %q, want %q", test.hint, got, test.want)
		}
	}
}
