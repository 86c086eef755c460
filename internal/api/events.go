package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"rehome"
	"rehome/internal/wire"
)

// beatEvery keeps proxies from closing a stream on which nothing happens.
const beatEvery = 15 * time.Second

// retryAfter is when a client that is cut off, and has seen neither done nor error, comes again, in milliseconds. What it missed it
// does not need: a stream begins with where the import stands.
const retryAfter = "retry: 2000\n"

func heartbeat() (<-chan time.Time, func()) {
	t := time.NewTicker(beatEvery)
	return t.C, t.Stop
}

// events streams what happens to the import, as server-sent events, and ends after
// the one that says how it ended. Whoever wants to see a later restart asks again. With
// every heartbeat it makes sure that the watcher still may: a stream outlives tokens.
func (a *API) events(ctx context.Context, c *call) (answer, error) {
	leave, ok := a.watched.Enter(a.rateKey(c))
	if !ok {
		return answer{}, errManyStreams
	}
	defer leave()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	happening, err := a.Importer.Watch(ctx, c.repo.ID)
	if err != nil {
		return answer{}, err
	}
	a.headers(c.w.Header(), c)
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s := sender{steady: a.pace.steady(c.w), may: func() bool { return a.mayStill(ctx, c) }}
	if c.r.Method == http.MethodHead {
		c.w.WriteHeader(http.StatusOK)
		return answer{stream: true}, nil
	}
	if err := s.say(retryAfter + ": watching " + c.repo.FullName() + "\n\n"); err == nil {
		ticks, stopTicks := a.beat()
		defer stopTicks()
		s.relay(happening, ticks)
	}
	return answer{stream: true}, nil
}

// sender writes a stream, piece by piece.
type sender struct {
	steady
	may func() bool // asked with every heartbeat
}

// relay sends events until one is final, the channel closes, or the watcher is gone or may not watch any more.
func (s sender) relay(happening <-chan rehome.Event, ticks <-chan time.Time) {
	for {
		select {
		case e, open := <-happening:
			if !open || s.event(e) != nil || final(e) {
				return
			}
		case <-ticks:
			if !s.may() || s.say(": still here\n\n") != nil {
				return
			}
		}
	}
}

func final(e rehome.Event) bool { return e.Kind == rehome.EventDone || e.Kind == rehome.EventError }

func (s sender) event(e rehome.Event) error {
	if said := e.ErrorEvent; said != nil {
		said := *said
		said.WhatToDo = spelled(said.WhatToDo)
		e.ErrorEvent = &said
	}
	data, err := wire.Encode(e)
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return s.say(fmt.Sprintf("event: %s\ndata: %s\n\n", e.Kind, data))
}

func (s sender) say(text string) error {
	if _, err := s.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
