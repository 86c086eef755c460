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

// live streams what happens to an import as pieces of the page: "progress" with the new bar, and "changed" when the whole is
// to be fetched anew.
func (w *Web) live(v *visit) error {
	ctx, stop := context.WithCancel(v.r.Context())
	defer stop()
	events, err := w.Importer.Watch(ctx, v.repo.ID)
	if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s := stream{w: v.w, control: http.NewResponseController(v.w)}
	ticks := time.NewTicker(aliveEvery)
	defer ticks.Stop()
	if s.say("retry: 2000\n\n") != nil {
		return nil
	}
	for {
		select {
		case e, open := <-events:
			if !open {
				s.send("changed", "") //nolint:errcheck // it is the last word
				return nil
			}
			if err := w.relay(v, s, e); err != nil {
				return nil //nolint:nilerr // who hung up does not need it
			}
		case <-ticks.C:
			if err := w.session(v); err != nil || v.caller.Anonymous() || s.say(": still here\n\n") != nil {
				return nil
			}
		}
	}
}

// relay tells of one event.
func (w *Web) relay(v *visit, s stream, e rehome.Event) error {
	switch e.Kind {
	case rehome.EventProgress:
		var b bytes.Buffer
		if err := pages["import"].ExecuteTemplate(&b, "progress", progressOf(e)); err != nil {
			return fmt.Errorf("show progress: %w", err)
		}
		return s.send("progress", b.String())
	case rehome.EventStatus, rehome.EventDone, rehome.EventError, rehome.EventQueued, rehome.EventWarning:
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
		parts = append(parts, grouped(e.Commits)+" commits")
	}
	if e.Authors > 0 {
		parts = append(parts, grouped(e.Authors)+" authors")
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
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// send sends an event, each line of its data behind a word of its own.
func (s stream) send(name, data string) error {
	return s.say("event: " + name + "\ndata: " + strings.ReplaceAll(strings.ReplaceAll(data, "\r", ""), "\n", "\ndata: ") + "\n\n")
}

// patience is how long a browser may take to read a piece.
const patience = time.Minute

func (s stream) say(text string) error {
	s.control.SetWriteDeadline(time.Now().Add(patience)) //nolint:errcheck // where it cannot be set there is none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
