package destination

import (
	"context"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzWords shows what a destination says as one short line of text, however it comes.
func FuzzWords(f *testing.F) {
	f.Add([]byte("remote: no\r\nCounting objects: 3\rCounting objects: 5\nno\x1b[2J"), 3)
	f.Add([]byte("=====\n\xff\xfe\n\n"), 1)
	f.Add([]byte(strings.Repeat("talk ", 10_000)), 4096)
	f.Fuzz(func(t *testing.T, said []byte, step int) {
		_, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		w := &words{stop: stop}
		for step = max(step, 1); len(said) > 0; said = said[min(step, len(said)):] {
			w.hear(said[:min(step, len(said))])
		}
		text := w.text()
		if len(w.kept) > maxKept || len(text) > maxSaid+len("…") || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("%q", text)
		}
	})
}
