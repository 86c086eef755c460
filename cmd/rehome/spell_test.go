package main

import "testing"

func TestSpelled(t *testing.T) {
	for _, test := range []struct{ hint, want string }{
		{"Rename it there, then start the import again.", "Rename it there, then run the same command again."},
		{"Or choose {on_divergence: skip} or {on_divergence: overwrite}.", "Or choose --on-divergence skip or --on-divergence overwrite."},
		{"go on without them: {allow_missing_lfs}.", "go on without them: --allow-missing-lfs."},
		{"Choose {use_lfs: opt_in}, {exclude_refs} or {prune}.", "Choose --large-files lfs, --exclude-refs PATTERN or --prune."},
		{"Choose a smaller {push_limit}, or a map: {authors}.", "Choose a smaller --push-limit, or a map: --authors FILE."},
		{"Leave {nothing} out.", "Leave {nothing} out."},
	} {
		if got := spelled(test.hint); got != test.want {
			t.Errorf("%q: got %q, want %q", test.hint, got, test.want)
		}
	}
}
