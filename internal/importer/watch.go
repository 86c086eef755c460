package importer

import (
	"context"
	"encoding/json"
	"slices"
	"sync"

	"rehome"
	"rehome/internal/store"
)

// maxWaiting bounds the events kept for a watcher that does not read. Beyond it, the
// oldest that says least is dropped; what changes a status never is.
const maxWaiting = 1024

// watched finds the watchers of an import. Telling them never waits.
type watched struct {
	mu sync.Mutex
	by map[int64][]*watcher // by import id; guarded by mu
}

// watcher keeps what its reader has not taken yet.
type watcher struct {
	wake chan struct{} // holds at most one

	mu      sync.Mutex
	waiting []rehome.Event // guarded by mu
	closed  bool           // nothing follows; guarded by mu
}

// Watch tells what happens to the repository's import, beginning with where it stands.
// The channel closes when ctx ends, which it has to, or the import is deleted. Slow
// readers miss progress, not changes. NotFound when there is no import.
func (m *Importer) Watch(ctx context.Context, repositoryID int64) (<-chan rehome.Event, error) {
	found, err := m.DB.ImportOf(ctx, repositoryID)
	if err != nil {
		return nil, err
	}
	w := m.watched.add(found.ID)
	row, err := m.DB.ImportByID(ctx, found.ID) // again: from here on nothing is missed
	if err == nil && row.Deleted {
		err = &rehome.Error{Code: rehome.NotFound, Message: "There is no such import."}
	}
	if err != nil {
		m.watched.remove(found.ID, w)
		return nil, err
	}
	w.begin(m.standing(ctx, &row))
	out := make(chan rehome.Event)
	go func() { // ends with ctx
		defer close(out)
		defer m.watched.remove(row.ID, w)
		w.relay(ctx, out)
	}()
	return out, nil
}

// standing is where an import stands, as events.
func (m *Importer) standing(ctx context.Context, i *store.Import) []rehome.Event {
	status := rehome.Event{Kind: rehome.EventStatus, New: i.State.Status, Status: i.State.Status, Step: i.State.Status.Step()}
	events := []rehome.Event{status}
	switch {
	case i.State.Status == rehome.Complete:
		done := rehome.Event{Kind: rehome.EventDone, Status: rehome.Complete}
		var head rehome.ReceiptHead
		if text, err := m.DB.Receipt(ctx, i.ID); err == nil && json.Unmarshal(text, &head) == nil {
			done.Receipt = &head
		}
		events = append(events, done)
	case i.State.Err != nil:
		events = append(events, errorEvent(i))
	}
	for n := range events {
		events[n].At = m.Clock().UTC()
	}
	return events
}

// announce tells the watchers of a change of status.
func (m *Importer) announce(before rehome.Status, i *store.Import) {
	now := i.State.Status
	if now == before {
		return
	}
	m.publish(i.ID, rehome.Event{Kind: rehome.EventStatus, Old: before, New: now, Status: now, Step: now.Step()})
	if i.State.Err != nil {
		m.publish(i.ID, errorEvent(i))
	}
}

// warn tells the watchers of what a step brought up.
func (w *worker) warn(step rehome.Step, warnings []rehome.Warning) {
	for _, one := range warnings {
		e := warningEvent(one)
		e.Step = step
		w.publish(w.row.ID, e)
	}
}

func (m *Importer) publish(importID int64, e rehome.Event) {
	e.At = m.Clock().UTC()
	m.watched.publish(importID, e)
}

func errorEvent(i *store.Import) rehome.Event {
	e := i.State.Err
	return rehome.Event{
		Kind: rehome.EventError, Status: i.State.Status, Step: i.State.FailedStep,
		ErrorEvent: &rehome.ErrorEvent{Code: e.Code, Message: e.Message, WhatToDo: e.Hint},
	}
}

func warningEvent(w rehome.Warning) rehome.Event {
	return rehome.Event{Kind: rehome.EventWarning, Step: rehome.StepRaw, Text: w.Kind + ": " + w.Text}
}

func authorEvent(a rehome.Author) rehome.Event {
	return rehome.Event{Kind: rehome.EventAuthor, Step: rehome.StepRaw, AuthorEvent: &rehome.AuthorEvent{
		ID: a.ID, RemoteName: text(a.RemoteName), RemoteID: text(a.RemoteMail),
	}}
}

func (s *watched) add(importID int64) *watcher {
	w := &watcher{wake: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[int64][]*watcher{}
	}
	s.by[importID] = append(s.by[importID], w)
	return w
}

func (s *watched) remove(importID int64, w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[importID] = slices.DeleteFunc(s.by[importID], func(o *watcher) bool { return o == w })
	if len(s.by[importID]) == 0 {
		delete(s.by, importID)
	}
}

func (s *watched) publish(importID int64, e rehome.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.by[importID] {
		w.put(e)
	}
}

// close ends the watching of an import that is no more.
func (s *watched) close(importID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.by[importID] {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.nudge()
	}
}

// begin puts events before those that came since the watcher was added.
func (w *watcher) begin(events []rehome.Event) {
	w.mu.Lock()
	w.waiting = append(events, w.waiting...)
	w.mu.Unlock()
	w.nudge()
}

func (w *watcher) put(e rehome.Event) {
	w.mu.Lock()
	if last := len(w.waiting) - 1; e.Kind == rehome.EventProgress && last >= 0 && w.waiting[last].Kind == rehome.EventProgress {
		w.waiting[last] = e
	} else {
		w.waiting = append(w.waiting, e)
	}
	if len(w.waiting) > maxWaiting {
		if n := slices.IndexFunc(w.waiting, droppable); n >= 0 {
			w.waiting = slices.Delete(w.waiting, n, n+1)
		}
	}
	w.mu.Unlock()
	w.nudge()
}

func droppable(e rehome.Event) bool {
	return e.Kind == rehome.EventProgress || e.Kind == rehome.EventAuthor || e.Kind == rehome.EventWarning
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// relay hands events on until ctx ends or nothing follows.
func (w *watcher) relay(ctx context.Context, out chan<- rehome.Event) {
	for {
		w.mu.Lock()
		events, closed := w.waiting, w.closed
		w.waiting = nil
		w.mu.Unlock()
		for _, e := range events {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
		if closed {
			return
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
	}
}
