package destination

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
)

// TestCutWhileItWorks says how long a destination had worked on a push that it cut off.
func TestCutWhileItWorks(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		30 * time.Minute: "cut off after 30 minutes without an answer", time.Minute: "after 1 minute without an answer", 50 * time.Second: "",
	} {
		w := newWorld(t, "sha1")
		var passed atomic.Int64
		w.Git.now = func() time.Time { return time.Unix(passed.Load(), 0) }
		sent := make(chan struct{}, 10)
		w.push = func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
			io.Copy(io.Discard, r.Body)
			<-sent
			passed.Add(int64(wait / time.Second))
			panic(http.ErrAbortHandler)
		}
		p := w.first()
		p.Progress = func(now Progress) {
			if now.Sent {
				sent <- struct{}{}
			}
		}
		_, err := w.Push(t.Context(), p)
		e := rehome.AsError(err)
		if e.Code != rehome.DestinationCutOff || !strings.Contains(e.Message, want) || strings.Contains(e.Message, "without an answer") != (want != "") {
			t.Errorf("%s: %+v", wait, e)
		}
		if !strings.Contains(e.Hint, "goes on from what the destination has") {
			t.Errorf("%s: hint %q", wait, e.Hint)
		}
	}
}

// TestSaysWhenAllIsSent tells it once for each request, and that more goes out after that.
func TestSaysWhenAllIsSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	p := w.first()
	p.Limit = 40 << 10
	var told []bool
	var mu sync.Mutex
	p.Progress = func(now Progress) {
		mu.Lock()
		defer mu.Unlock()
		if len(told) == 0 || told[len(told)-1] != now.Sent {
			told = append(told, now.Sent)
		}
	}
	w.mustPush(p)
	if n := len(w.pushes()); n < 2 || len(told) < 2*n-1 || !told[len(told)-1] {
		t.Errorf("%d pushes: %v", n, told)
	}
}

// TestBare takes from words what says whose they are, and nothing else.
func TestBare(t *testing.T) {
	for text, want := range map[string]string{
		"error: error: hook declined": "hook declined", "remote:  fatal: no room": "no room", "ERROR: no": "no", "error:": "error:",
		"the error: no": "the error: no", "GH006: Protected branch": "GH006: Protected branch", "": "",
	} {
		if got := bare(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
