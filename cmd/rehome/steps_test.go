package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/terminal"
)

// clocked is a display of steps with a clock that is set by hand.
func clocked() (*steps, func(time.Duration)) {
	now := time.Unix(1_000_000_000, 0)
	s := newSteps(terminal.Style{Live: true, UTF8: true}, func() time.Time { return now }, allSteps()...)
	return s, func(d time.Duration) { now = now.Add(d) }
}

func statusEvent(s rehome.Status) rehome.Event {
	return rehome.Event{Kind: rehome.EventStatus, Status: s, New: s, Step: s.Step()}
}

func progressEvent(step rehome.Step, p rehome.ProgressEvent) rehome.Event {
	return rehome.Event{Kind: rehome.EventProgress, Step: step, ProgressEvent: &p}
}

func number[T any](n T) *T { return &n }

// halfway is a fetch that is half done.
func halfway() *steps {
	s, pass := clocked()
	s.event(statusEvent(rehome.Importing))
	pass(1500 * time.Millisecond)
	s.event(progressEvent(rehome.StepRaw, rehome.ProgressEvent{}))
	pass(65 * time.Second)
	s.event(progressEvent(rehome.StepRaw, rehome.ProgressEvent{
		Percent: number(50), Commits: 12345, Authors: 678, Bytes: 90 << 20, Rate: 3 << 20, ETA: number(int64(125)),
	}))
	return s
}

func TestStepsFitTheirTerminal(t *testing.T) {
	for columns, want := range map[int]string{
		80: `✓ detect     1.5 s  the source answers
▸ fetch     1m 05s  ████████████████████░░░░░░░░░░░░░░░░░░░░  50%  2m 00s left
                    12345 commits, 678 authors, 90.0 MiB, 3.0 MiB/s
· rewrite
· push`,
		200: `✓ detect     1.5 s  the source answers
▸ fetch     1m 05s  ██████████████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  50%  2m 00s left  12345 commits, 678 authors, 90.0 MiB, 3.0 MiB/s
· rewrite
· push`,
		40: `✓ detect     1.5 s  the source answers
▸ fetch     1m 05s  ███████░░░░░░░  50%
  12345 commits, 678 authors, 90.0 MiB
· rewrite
· push`,
	} {
		if got := strings.Join(halfway().lines(columns), "\n"); got != want {
			t.Errorf("%d columns\n%s\nwant\n%s", columns, got, want)
		}
	}
	for columns := 1; columns < 250; columns++ {
		s := halfway()
		s.stops()
		for _, line := range append(s.lines(columns), s.last(columns)...) {
			if width := terminal.Width(line); width > max(columns-1, 0) {
				t.Fatalf("%d columns have a line of %d: %s", columns, width, line)
			}
		}
	}
}

func TestStepsComeToTheirEnd(t *testing.T) {
	head := &rehome.ReceiptHead{Commits: 20, Carried: 20, Changed: 3, TagsChanged: 1, Verified: "refs"}
	done := rehome.Event{Kind: rehome.EventDone, Status: rehome.Complete, Receipt: head}
	received := progressEvent(rehome.StepRaw, rehome.ProgressEvent{Percent: number(100), Commits: 20, Authors: 2, Bytes: 2048})
	sent := progressEvent(rehome.StepPush, rehome.ProgressEvent{Percent: number(99), Bytes: 1024, BytesTotal: number(int64(1024))})
	whole := []rehome.Event{statusEvent(rehome.Importing), received, statusEvent(rehome.Mapping), statusEvent(rehome.Pushing), sent, statusEvent(rehome.Complete), done}
	cases := []struct {
		name   string
		events []rehome.Event
		want   []string
	}{
		{"all of it", whole, []string{
			"✓ detect     1.0 s  the source answers", "✓ fetch      1.0 s  20 commits, 2 authors, 2.0 KiB",
			"✓ rewrite    1.0 s  3 commits and 1 tag changed", "✓ push       2.0 s  1.0 KiB sent, refs read back and compared",
		}},
		{"what an earlier run had fetched", []rehome.Event{statusEvent(rehome.Pushing), sent}, []string{"✗ push       1.0 s  stopped at 99%, 1.0 KiB sent"}},
		{"nothing came", []rehome.Event{statusEvent(rehome.Importing), statusEvent(rehome.Mapping)}, []string{
			"✓ detect     1.0 s  the source answers", "✓ fetch      0.0 s  nothing to do", "✗ rewrite    0.0 s  stopped",
		}},
		{"nobody answers", []rehome.Event{statusEvent(rehome.Importing)}, []string{"✗ detect     0.0 s  stopped"}},
		{"a late word", append(whole[:3:3], received), []string{
			"✓ detect     1.0 s  the source answers", "✓ fetch      1.0 s  20 commits, 2 authors, 2.0 KiB", "✗ rewrite    1.0 s  stopped",
		}},
		{"and again what is new", append(whole[:5:5], whole[0], received), []string{
			"✓ detect     1.0 s  the source answers", "✗ fetch      1.0 s  stopped at 100%, 20 commits, 2 authors, 2.0 KiB",
		}},
	}
	for _, c := range cases {
		s, pass := clocked()
		for n, e := range c.events {
			if n > 0 {
				pass(time.Second)
			}
			s.event(e)
		}
		if got := strings.Join(s.last(80), "\n"); got != strings.Join(c.want, "\n") {
			t.Errorf("%s\n%s\nwant\n%s", c.name, got, strings.Join(c.want, "\n"))
		}
	}
}

func TestWarningsOnceWithTheirCount(t *testing.T) {
	s, _ := clocked()
	for _, text := range []string{"one", "two", "one"} {
		s.event(rehome.Event{Kind: rehome.EventWarning, Text: text})
	}
	s.warn("one")
	if got := fmt.Sprint(s.movement().warnings.list()); got != "[one (3 times) two]" {
		t.Error(got)
	}
}

func TestTimesAreShort(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0:                            {"0.0 s", "0 s left"},
		59_990 * time.Millisecond:    {"59.9 s", "59 s left"},
		125 * time.Second:            {"2m 05s", "2m 00s left"},
		25 * time.Minute:             {"25m 00s", "25 min left"},
		26*time.Hour + 5*time.Minute: {"26h 05m", "26h 05m left"},
	} {
		if got := [2]string{tookText(d), leftText(d)}; got != want || len(got[0]) > tookColumns {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestNamesOfABatch(t *testing.T) {
	for given, want := range map[string]string{
		"https://old.example/ada/a.git https://old.example/bob/b": "ada/a.git bob/b",
		"https://old.example/ada/":                                "ada/",
		"/srv/ada/ /srv/ada/ /srv/bob":                            "ada/ ada/ bob",
		"a b":                                                     "a b",
	} {
		if got := strings.Join(withoutCommon(strings.Fields(given)), " "); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
	}
}

func TestBatchFitsItsTerminal(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	b := &batchBars{style: terminal.Style{UTF8: true}, now: func() time.Time { return now }, began: now.Add(-time.Minute), sum: sums{rows: 9, done: 3, failed: 1}, ran: 4}
	b.names = withoutCommon([]string{"https://old.example/ada/socm.git", "https://old.example/ada/a-very-long-name-of-a-repository-indeed.git", "https://old.example/bob/工具.git"})
	for n := range b.names {
		row := b.begin(n)
		row.steps.event(statusEvent(rehome.Importing))
		row.steps.event(progressEvent(rehome.StepRaw, rehome.ProgressEvent{Percent: number(10 * n), Commits: 12, Bytes: 3 << 20}))
	}
	want := `▸ ada/socm.git                fetch    ░░░░░░░░░░░░   0%  12 commits, 3.0 MiB
▸ ada/a-ve…sitory-indeed.git  fetch    █░░░░░░░░░░░  10%  12 commits, 3.0 MiB
▸ bob/工具.git                fetch    ██░░░░░░░░░░  20%  12 commits, 3.0 MiB
  3 of 9 done, 1 failed, 5 left, 1m 00s, about 1m 10s left  ███████░░░░░░░░░░`
	if got := strings.Join(b.lines(80), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.stops()
	for columns := 1; columns < 250; columns++ {
		for _, line := range b.lines(columns) {
			if width := terminal.Width(line); width > max(columns-1, 0) {
				t.Fatalf("%d columns have a line of %d: %s", columns, width, line)
			}
		}
	}
}

// The time is that of the whole run, with what it did before it took up what is new.
func TestTimeIsOfTheWholeRun(t *testing.T) {
	s, pass := clocked()
	for n, e := range []rehome.Status{rehome.Pushing, rehome.Importing, rehome.Mapping, rehome.Pushing, rehome.Complete} {
		if n > 0 {
			pass(time.Duration(n) * time.Second)
		}
		s.event(statusEvent(e))
	}
	pass(time.Minute)
	if got, want := s.movement().timeText(), "10.0 s: detect 2.0 s, fetch 0.0 s, rewrite 3.0 s, push 4.0 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
