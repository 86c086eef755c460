package main

import (
	"strings"
	"testing"
	"time"

	"rehome"
)

// TestPlainLinesOfWaiting: what a step says of waiting is shown at once, however soon after other progress, and when it
// says something else.
func TestPlainLinesOfWaiting(t *testing.T) {
	var out strings.Builder
	now := time.Unix(1_000_000_000, 0)
	show := plainLines(&out, func() time.Time { return now })
	total, percent := int64(2048), 99
	tell := func(text string) {
		now = now.Add(time.Second)
		show.event(rehome.Event{
			Kind: rehome.EventProgress, Step: rehome.StepPush, Text: text,
			ProgressEvent: &rehome.ProgressEvent{Bytes: 2048, BytesTotal: &total, Percent: &percent},
		})
	}
	for _, text := range []string{"", "", "It works...", "It works...", "It works, for 20s now..."} {
		tell(text)
	}
	want := "push: 2.0 KiB of 2.0 KiB sent, 99%\npush: It works...\npush: It works, for 20s now...\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
