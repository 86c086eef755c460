package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rehome"
)

// aliveEvery is how often a stream says that it is there, and asks whether it still may be.
const aliveEvery = 15 * time.Second

func heartbeat() (<-chan time.Time, func()) {
	t := time.NewTicker(aliveEvery)
	return t.C, t.Stop
}

// live streams what happens to an import as pieces of the page: "progress" with the new bar, "queued" with the place in the queue, "facts" at each heartbeat, "changed" when the whole is
// to be fetched anew, and "end" once nothing more comes.
func (w *Web) live(v *visit) error {
	leave, ok := w.watched.Enter(v.caller.Token.ID)
	if !ok {
		return errCrowded
	}
	defer leave()
	ctx, stop := context.WithCancel(v.r.Context())
	defer stop()
	events, err := w.Importer.Watch(ctx, v.repo.ID)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if v.r.Method == http.MethodHead {
		v.w.WriteHeader(http.StatusOK)
		return nil
	}
	s := stream{steady(v.w)}
	if s.say("retry: 2000\n\n") == nil {
		ticks, stopTicks := w.beat()
		defer stopTicks()
		w.follow(v, s, events, ticks)
	}
	return nil
}

// follow tells of events until one is final, the import is deleted, or the watcher is gone or may not watch any more. A browser
// whose session ended is told to fetch the page anew, which leads to where one signs in. One that is cut off, as by a server that
// stops, is not told of an end: it asks again by itself.
func (w *Web) follow(v *visit, s stream, events <-chan rehome.Event, ticks <-chan time.Time) {
	page := told{waits: true}
	for {
		select {
		case e, open := <-events:
			switch {
			case v.r.Context().Err() != nil:
				return
			case !open:
				s.end()
				return
			case w.relay(v, s, e, &page) != nil:
				return
			case e.Kind == rehome.EventDone || e.Kind == rehome.EventError:
				s.send("end", "") //nolint:errcheck // it is the last word
				return
			}
		case <-ticks:
			may, err := w.mayStill(v, writes)
			if err == nil && !may {
				s.end()
			}
			if err != nil || !may || w.tellNow(v, s, &page) != nil || s.say(": still here\n\n") != nil {
				return
			}
		}
	}
}

// told is what the page was told of what no event tells.
type told struct {
	waits bool // it may show a place in the queue
	try   int  // that it waits for, 0 for none
}

// tellPlace tells of the place in the queue, as long as there is one.
func (w *Web) tellPlace(v *visit, s stream, page *told) error {
	if !page.waits {
		return nil
	}
	o, err := w.now(v)
	if err != nil {
		return err
	}
	return page.place(s, o)
}

// tellNow tells what changes without an event: the place in the queue, whether another try is waited for, and the facts.
func (w *Web) tellNow(v *visit, s stream, page *told) error {
	o, err := w.now(v)
	if err != nil {
		return err
	}
	try := 0
	if o.Again != nil {
		try = o.Again.Try
	}
	if try != page.try {
		page.try = try
		return s.send("changed", "")
	}
	if err := page.place(s, o); err != nil {
		return err
	}
	return s.piece("facts", "facts", o)
}

// now looks at the import as it is.
func (w *Web) now(v *visit) (o overview, err error) {
	i, err := w.Importer.Get(v.r.Context(), v.repo.ID)
	if err != nil {
		return o, err
	}
	turn, err := w.Importer.Turn(v.r.Context(), v.repo.ID)
	return w.glance(v, i, turn), err
}

// place is tellPlace of what was looked at.
func (t *told) place(s stream, o overview) error {
	if !t.waits {
		return nil
	}
	if t.waits = o.Queue != nil; !t.waits {
		return s.send("changed", "")
	}
	return s.piece("queued", "now", o)
}

// relay tells of one event.
func (w *Web) relay(v *visit, s stream, e rehome.Event, page *told) error {
	switch e.Kind {
	case rehome.EventQueued:
		page.waits = true
		return w.tellPlace(v, s, page)
	case rehome.EventProgress:
		if page.waits { // not any more
			page.waits = false
			if err := s.send("changed", ""); err != nil {
				return err
			}
		}
		return s.piece("progress", "progress", progressOf(e))
	case rehome.EventStatus, rehome.EventDone, rehome.EventError, rehome.EventWarning:
		return s.send("changed", "")
	}
	return nil
}

// progressBar is what the step at hand does.
type progressBar struct {
	Percent int // -1 for unknown
	Text    string
}

func progressOf(e rehome.Event) progressBar {
	p := progressBar{Percent: -1}
	if e.ProgressEvent == nil {
		return p
	}
	var parts []string
	if e.Percent != nil {
		p.Percent = *e.Percent
		parts = append(parts, fmt.Sprintf("%d %%", p.Percent))
	}
	if e.Commits > 0 {
		parts = append(parts, counted(e.Commits, "commit", "commits"))
	}
	if e.Authors > 0 {
		parts = append(parts, counted(e.Authors, "author", "authors"))
	}
	if e.Bytes > 0 {
		parts = append(parts, byteCount(e.Bytes))
	}
	if e.Rate > 0 {
		parts = append(parts, byteCount(e.Rate)+"/s")
	}
	if e.LFSTotal != nil && e.LFS != nil {
		parts = append(parts, fmt.Sprintf("%s of %s Git LFS objects", grouped(*e.LFS), grouped(*e.LFSTotal)))
	}
	if e.ETA != nil {
		parts = append(parts, age(time.Duration(*e.ETA)*time.Second)+" left")
	}
	if e.Text != "" {
		parts = append(parts, e.Text)
	}
	p.Text = strings.Join(parts, " · ")
	return p
}

// stream writes server-sent events.
type stream struct{ paced }

// send sends an event, each line of its data behind a word of its own.
func (s stream) send(name, data string) error {
	return s.say("event: " + name + "\ndata: " + strings.ReplaceAll(strings.ReplaceAll(data, "\r", ""), "\n", "\ndata: ") + "\n\n")
}

// piece sends a piece of the page of an import as an event.
func (s stream) piece(event, name string, data any) error {
	var b bytes.Buffer
	if err := pages["import"].ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("show %s: %w", name, err)
	}
	return s.send(event, b.String())
}

// end has the page look once more, and never again.
func (s stream) end() {
	if s.send("changed", "") == nil {
		s.send("end", "") //nolint:errcheck // it is the last word
	}
}

func (s stream) say(text string) error {
	if _, err := s.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
