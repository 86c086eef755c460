package importer

import (
	"context"
	"encoding/json"
	"time"

	"rehome"
	"rehome/internal/store"
)

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
	author, err := m.DB.LastAuthor(ctx, row.ID)
	if err != nil {
		m.watched.remove(found.ID, w)
		return nil, err
	}
	w.begin(&row, author, m.standing(ctx, &row))
	out := make(chan rehome.Event)
	go func() { // ends with ctx
		defer close(out)
		defer m.watched.remove(row.ID, w)
		tick := time.NewTicker(m.lookEvery)
		defer tick.Stop()
		w.relay(ctx, out, tick.C, m.look)
	}()
	return out, nil
}

// standing is where an import stands, as events.
func (m *Importer) standing(ctx context.Context, i *store.Import) []rehome.Event {
	status := rehome.Event{Kind: rehome.EventStatus, New: i.State.Status, Status: i.State.Status, Step: i.State.Status.Step()}
	events := []rehome.Event{status}
	switch {
	case i.State.Status == rehome.Complete:
		events = append(events, m.doneEvent(ctx, i))
	case i.State.Err != nil:
		events = append(events, errorEvent(i))
	}
	for n := range events {
		events[n].At = m.Clock().UTC()
	}
	return events
}

// doneEvent says that an import is complete, with its receipt's head.
func (m *Importer) doneEvent(ctx context.Context, i *store.Import) rehome.Event {
	done := rehome.Event{Kind: rehome.EventDone, Status: rehome.Complete}
	var head rehome.ReceiptHead
	if text, err := m.DB.Receipt(ctx, i.ID); err == nil && json.Unmarshal(text, &head) == nil {
		done.Receipt = &head
	}
	return done
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
	return rehome.Event{Kind: rehome.EventAuthor, Step: rehome.StepRaw, AuthorEvent: rehome.NewAuthorEvent(a)}
}
