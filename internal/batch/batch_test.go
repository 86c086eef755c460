package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// rules take flags named in the test and refuse rows whose authors are "bad".
var rules = Rules{
	Column: func(name string) error {
		if !slices.Contains([]string{"authors", "large-files-match", "source-user"}, name) {
			return fmt.Errorf("there is no column %s", name)
		}
		return nil
	},
	Row: func(r Row) error {
		if slices.Contains(r.Flags["authors"], "bad") {
			return errors.New("authors are bad")
		}
		return nil
	},
}

func TestRead(t *testing.T) {
	for name, text := range map[string]string{
		"csv":             "source,destination,authors,large-files-match\n/s/a,/d/a,people,\"*.psd\n*.bin\"\n/s/b,/d/b,,\n",
		"windows":         "\xef\xbb\xbfSource,Destination,Authors,Large-Files-Match\r\n\r\n/s/a, /d/a ,people,\"*.psd\r\n*.bin\"\r\n,,,\r\n/s/b,/d/b\r\n",
		"columns swapped": "destination,large-files-match,authors,source\n/d/a,\"*.psd\n*.bin\",\"people\",/s/a\n\n/d/b,,,/s/b",
		"json": `{"source": "/s/a", "destination": "/d/a", "authors": "people", "large-files-match": ["*.psd", "*.bin"]}

{"source": "/s/b", "destination": "/d/b", "authors": null}`,
		"json from windows": "\xef\xbb\xbf\r\n{\"source\": \"/s/a\", \"destination\": \"/d/a\", \"Authors\": \"people\", \"large-files-match\": [\"*.psd\", \"*.bin\"]}\r\n{\"source\": \"/s/b\", \"destination\": \"/d/b\", \"authors\": \"\"}\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := Read(strings.NewReader(text), rules)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range rows {
				got = append(got, fmt.Sprint(r.Source, r.Destination, r.Flags))
			}
			want := []string{"/s/a/d/amap[authors:[people] large-files-match:[*.psd *.bin]]", "/s/b/d/bmap[]"}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestReadTellsEveryFault(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "1: there is no row in the file"},
		{"header only", "source,destination\n", "1: there is no row in the file"},
		{"no destination", "source\n/a\n", "1: the header has no column destination"},
		{"columns", "source,destination,nonsense,source,\n/a,/b,x,/c,\n", "1: there is no column nonsense|1: the column source is there twice|1: a column has no name"},
		{"password", "source,destination,source-password\n/a,/b,secret\n", "1: passwords do not belong into the file: set REHOME_SOURCE_PASSWORD and REHOME_DEST_PASSWORD, which apply to all rows"},
		{"in a URL", "source,destination\nhttps://ada:secret@h/a,/b\nhttps://secret@h/b,/c\nssh://git@h/c,ssh://git:secret@h/d\n", "2: the source has a user name or password in it: the name belongs into the column source-user, a password into the environment|3: the source has a user name or password in it: the name belongs into the column source-user, a password into the environment|4: the destination has a user name or password in it: the name belongs into the column dest-user, a password into the environment"},
		{"several", "source,destination,authors\n,/b,\n/a,,\n/a,/b,bad\n\n/c,/d,x,y\n/e,/f,x\n/g,/e/../f,\n/h,/h/,\n", "2: it has no source|3: it has no destination|4: it has the destination of line 2|6: it has 4 cells, and the header 3|8: it has the destination of line 7|9: source and destination are the same"},
		{"row", "source,destination,authors\n/a,/b,bad\n", "2: authors are bad"},
		{"quotes", "source,destination\n/a,\"/b\n/c,/d\n", "2: it is no CSV: extraneous or missing \" in quoted-field"},
		{"bare quote", "source,destination\n/a,/\"b\n/c,/c\n", "2: it is no CSV: bare \" in non-quoted-field|3: source and destination are the same"},
		{"spellings", "source,destination\n/a,https://Host.example/o/r.git\n/b,https://host.example:443/o/r/\n/c,git@host.example:o/r\n", "3: it has the destination of line 2|4: it has the destination of line 2"},
		{"json", "{\"source\": \"/a\"}\nnonsense\n{\"source\": [\"/a\", \"/b\"], \"destination\": {}}\n{\"source\": \"/a\", \"source\": \"/a\", \"destination\": \"/b\"} x\n{\"source\": \"/x\", \"destination\": \"/y\", \"password\": \"secret\"}\n{}", "1: it has no destination|2: it is no JSON object|3: there is more than one source|3: what stands under destination is no text, number, true or false, nor a list of texts|4: source is there twice|4: it is no JSON object, or goes on behind it|5: passwords do not belong into the file: set REHOME_SOURCE_PASSWORD and REHOME_DEST_PASSWORD, which apply to all rows|6: it has no source|6: it has no destination"},
		{"control", "source,destination\n\"/a\nb\",/c\n", "2: the source holds a control character"},
		{"bytes", "source,destination,authors\n/a\xff,/c,\n/d,/e,\xff\n", "2: the source is no UTF-8 text|3: what stands under authors is no UTF-8 text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rows, err := Read(strings.NewReader(test.text), rules)
			var bad *FileError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, %v", rows, err)
			}
			var got []string
			for _, f := range bad.Faults {
				got = append(got, fmt.Sprintf("%d: %s", f.Line, f.Why))
			}
			if strings.Join(got, "|") != test.want {
				t.Errorf("got\n%s, want\n%s", strings.Join(got, "|"), test.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("it tells a password: %v", err)
			}
		})
	}
}

func TestReadIsBounded(t *testing.T) {
	for name, line := range map[string]func(int) string{
		"csv":  func(n int) string { return fmt.Sprintf("/s/%d,/d/%d\n", n, n) },
		"json": func(n int) string { return fmt.Sprintf("{\"source\": \"/s/%d\", \"destination\": \"/d/%d\"}\n", n, n) },
	} {
		var text strings.Builder
		if name == "csv" {
			text.WriteString("source,destination\n")
		}
		for n := range MaxRows + 1 {
			text.WriteString(line(n))
		}
		_, err := Read(strings.NewReader(text.String()), rules)
		if want := fmt.Sprintf("a batch has at most %d rows", MaxRows); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	_, err := Read(strings.NewReader("source,destination\n/a,\""+strings.Repeat("x", maxFile)), rules)
	if err == nil || !strings.Contains(err.Error(), "which is the most that is read") {
		t.Errorf("a file without end: got %.200v", err)
	}
	_, err = Read(strings.NewReader(strings.Repeat("{}\n", 200)), rules)
	var bad *FileError
	if !errors.As(err, &bad) || len(bad.Faults) != maxFaults || bad.More != 300 {
		t.Errorf("many faults: got %v", err)
	}
}

func TestSubmodules(t *testing.T) {
	rows := rowsOf("https://h.example/o/app.git", "https://h.example/o/lib", "/srv/tool.git", "https://h.example/o/lib.git")
	order := Submodules(rows, [][]string{
		{"../lib.git", "git@h.example:o/lib", "/srv/tool", "https://elsewhere.example/x", "../app"},
		{"https://H.example/o/tool"},
		{"https://h.example/o/lib/"},
		nil,
	})
	if got := fmt.Sprint(order.After); got != "[[1 2] [] [1] []]" || order.Cycles != nil {
		t.Errorf("got %s, %v", got, order.Cycles)
	}
	order = Submodules(rows[:3], [][]string{{"/srv/tool"}, {"../app"}, {"https://h.example/o/lib"}})
	if got := fmt.Sprint(order.Cycles); got != "[[0 2 1]]" {
		t.Errorf("cycles: got %s", got)
	}
}

func rowsOf(sources ...string) (rows []Row) {
	for n, source := range sources {
		rows = append(rows, Row{Line: n + 2, Source: source, Destination: fmt.Sprintf("/d/%d", n)})
	}
	return rows
}

func jobsOf(n int) (jobs []Job) {
	for n := range n {
		jobs = append(jobs, Job{Row: Row{Line: n + 2, Destination: fmt.Sprintf("/d/%d", n)}, Stamp: "one"})
	}
	return jobs
}

func openJournal(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestRunGoesOnAfterFailures(t *testing.T) {
	var mu sync.Mutex
	now, most, began := 0, 0, []int(nil)
	jobs := jobsOf(20)
	jobs[3].After = []int{7, 9}
	jobs[4].After = []int{5}
	o := Options{Parallel: 3, Journal: openJournal(t, t.TempDir())}
	o.Run = func(_ context.Context, n int, _ bool) Outcome {
		mu.Lock()
		now++
		most = max(most, now)
		began = append(began, n)
		mu.Unlock()
		defer func() {
			mu.Lock()
			now--
			mu.Unlock()
		}()
		if n == 5 {
			return Outcome{Status: Failed, Exit: 1, Message: "no"}
		}
		return Outcome{Status: Done, Commits: int64(n)}
	}
	told := 0
	o.Ended = func(int, Outcome) { told++ }
	got, err := Run(t.Context(), jobs, o)
	if err != nil {
		t.Fatal(err)
	}
	for n, one := range got {
		want := Done
		if n == 5 || n == 4 {
			want = Failed
		}
		if one.Status != want {
			t.Errorf("job %d: got %+v", n, one)
		}
	}
	if want := "line 7, which is a submodule of it, failed"; got[4].Message != want {
		t.Errorf("got %q, want %q", got[4].Message, want)
	}
	if most > 3 || told != 20 || len(began) != 19 {
		t.Errorf("%d at a time, %d told, %d ran", most, told, len(began))
	}
	if at := slices.Index(began, 3); at < slices.Index(began, 7) || at < slices.Index(began, 9) {
		t.Errorf("order: %v", began)
	}
}

func TestRunTriesAgainWhatIsNotDone(t *testing.T) {
	dir := t.TempDir()
	statuses := []Status{Done, Failed, Partly, Interrupted, Done}
	runs := func(jobs []Job) (ran []int, got []Outcome) {
		j := openJournal(t, dir)
		defer j.Close()
		got, err := Run(t.Context(), jobs, Options{Journal: j, Run: func(_ context.Context, n int, ours bool) Outcome {
			if ours {
				t.Errorf("job %d found what another left", n)
			}
			ran = append(ran, n)
			return Outcome{Status: statuses[n], Message: "from before"}
		}, Free: func(int) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		return ran, got
	}
	jobs := jobsOf(5)
	if ran, _ := runs(jobs); len(ran) != 5 {
		t.Errorf("ran %v", ran)
	}
	jobs[4].Stamp = "two"
	ran, got := runs(jobs)
	if !slices.Equal(ran, []int{1, 3, 4}) {
		t.Errorf("ran %v again", ran)
	}
	if !got[0].Earlier || got[0].Message != "from before" || got[1].Earlier {
		t.Errorf("got %+v", got)
	}
	jobs[0].Again = true
	if ran, got = runs(jobs); !slices.Equal(ran, []int{0, 1, 3}) || got[0].Earlier || !got[2].Earlier {
		t.Errorf("ran %v again, got %+v", ran, got)
	}
}

func TestRunFindsWhatAKilledOneLeft(t *testing.T) {
	dir := t.TempDir()
	j := openJournal(t, dir)
	for key, free := range map[string]bool{"/d/0": true, "/d/1": false} {
		if _, err := j.begin(key, "one", free); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenJournal(dir); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process: got %v", err)
	}
	if _, err := j.file.WriteString(`{"key":"/d/2","stamp":"one","outc`); err != nil { // half a line, as a crash leaves
		t.Fatal(err)
	}
	j.Close()
	for run := range 3 { // killed again and again, it stays its own
		j = openJournal(t, dir)
		for key, want := range map[string]bool{"/d/0": true, "/d/1": false} {
			if ours, err := j.begin(key, "two", false); err != nil || ours != want {
				t.Errorf("run %d, %s: got %v, %v", run, key, ours, err)
			}
		}
		j.Close()
	}
	j = openJournal(t, dir)
	if err := j.end("/d/0", "two", Outcome{Status: Failed}); err != nil {
		t.Fatal(err)
	}
	if ours, _ := j.begin("/d/0", "two", false); ours {
		t.Error("what came after an end is taken for its own")
	}
}

func TestRunStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	jobs := jobsOf(10)
	jobs[1].After = []int{0}
	got, err := Run(ctx, jobs, Options{Parallel: 4, Journal: openJournal(t, t.TempDir()), Run: func(ctx context.Context, n int, _ bool) Outcome {
		if n == 3 {
			stop()
		}
		<-ctx.Done()
		return Outcome{Status: Interrupted, Exit: 130}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for n, o := range got {
		want := Waiting
		if n != 1 && n < 5 {
			want = Interrupted
		}
		if o.Status != want {
			t.Errorf("job %d is %s", n, o.Status)
		}
	}
}

func TestRunEndsWithoutAJournal(t *testing.T) {
	j := openJournal(t, t.TempDir())
	ran := 0
	got, err := Run(t.Context(), jobsOf(5), Options{Journal: j, Run: func(context.Context, int, bool) Outcome {
		ran++
		j.file.Close()
		return Outcome{Status: Done}
	}})
	if err == nil || ran != 1 || got[1].Status != Waiting {
		t.Errorf("%d ran: %v, %v", ran, got, err)
	}
}
