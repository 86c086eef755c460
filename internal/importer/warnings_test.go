package importer

import (
	"strings"
	"testing"

	"rehome"
	"rehome/internal/testenv"
)

// While somebody's own branch keeps old history, the receipt says so and names the branch.
func TestOldHistoryIsWarnedOf(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, url, _ := w.rich("sha1")
	w.start(r, StartRequest{URL: url})
	home := w.hosted(r)
	testenv.Git(t, home, "update-ref", "refs/heads/own", "refs/heads/trunk")
	if text, _ := w.receiptOf(r).warning(warnKept); text != "" {
		t.Errorf("nothing was rewritten, and yet: %s", text)
	}
	w.remap(r, "Ada Lovelace", "Hubot", "hubot@example.com")
	w.work()
	if text, count := w.receiptOf(r).warning(warnKept); count != 1 || !strings.Contains(text, ": refs/heads/own. ") {
		t.Errorf("warned of %d: %s", count, text)
	}
	testenv.Git(t, home, "update-ref", "-d", "refs/heads/own")
	w.remap(r, "Ada Lovelace", "Robot", "hubot@example.com")
	w.work()
	if text, _ := w.receiptOf(r).warning(warnKept); text != "" {
		t.Errorf("nothing keeps it, and yet: %s", text)
	}
}

// Lines given before anybody was known, and that turn out to be for nobody, are told once all
// are known.
func TestUnmatchedLinesAreWarnedOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given AuthorMap
		want  string
	}{
		"lines": {
			AuthorMap{Text: []byte("# all\nA <a@y> <ada@example.com>\n\u202eTypo <t@y> <adda@example.com>\n")},
			"has lines for no author, committer or tagger of this history: line 3 (Typo <t@y> <adda@example.com>).",
		},
		"entries": {
			AuthorMap{Entries: []AuthorEntry{{ID: 7777, Name: ptr("x")}, {RemoteID: ptr("ada@example.com"), Name: ptr("A")}, {RemoteName: ptr("Adda"), Name: ptr("A")}}},
			"has entries for no author, committer or tagger of this history: entry 3 (Adda).",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, url, _ := w.rich("sha1")
			_, err := w.Start(t.Context(), r, StartRequest{URL: url})
			must(t, err)
			_, err = w.MapAuthors(t.Context(), r.ID, c.given)
			must(t, err)
			events, err := w.Watch(t.Context(), r.ID)
			must(t, err)
			w.work()
			if text, count := w.receiptOf(r).warning(warnUnmatched); count != 1 || !strings.Contains(text, c.want) {
				t.Errorf("warned of %d: %s", count, text)
			}
			told := 0
			for e := range events {
				if e.Kind == rehome.EventWarning && strings.HasPrefix(e.Text, warnUnmatched+": ") && e.Step == rehome.StepRewrite {
					told++
				}
				if e.Kind == rehome.EventDone {
					break
				}
			}
			if told != 1 {
				t.Errorf("told %d times", told)
			}
			_, err = w.MapAuthors(t.Context(), r.ID, AuthorMap{Text: []byte("B <b@y> <ada@example.com>\n")})
			must(t, err)
			w.work()
			if text, _ := w.receiptOf(r).warning(warnUnmatched); text != "" {
				t.Errorf("mended, and yet: %s", text)
			}
		})
	}
}

func TestWarningsNameTheFirst(t *testing.T) {
	if got := named([]string{"a\nb", "b", "c", "d", "e", "f"}); got != "a b, b, c, d, e and others" {
		t.Errorf("got %q", got)
	}
}
