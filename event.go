package rehome

import "time"

// Event is something that happened to an import, as its watchers see it.
// docs/formats.md gives the JSON; fields that do not belong to a kind stay out of it.
type Event struct {
	Kind EventKind `json:"event"`
	At   time.Time `json:"at"`
	Step Step      `json:"step,omitempty"`
	// Status is the status now. Old and New are set with a status event only; Old is
	// empty in the first one a watcher is told.
	Status Status `json:"status,omitempty"`
	Old    Status `json:"old,omitempty"`
	New    Status `json:"new,omitempty"`

	*ProgressEvent
	*AuthorEvent
	*ErrorEvent
	*QueuedEvent

	Text    string       `json:"text,omitempty"`    // with warning, and with progress that waits for somebody
	Receipt *ReceiptHead `json:"receipt,omitempty"` // with done
}

// EventKind tells events apart.
type EventKind string

// The kinds of event.
const (
	EventProgress EventKind = "progress"
	EventStatus   EventKind = "status"
	EventAuthor   EventKind = "author"
	EventWarning  EventKind = "warning"
	EventQueued   EventKind = "queued"
	EventDone     EventKind = "done"
	EventError    EventKind = "error"
)

// ProgressEvent is how far a step has come. Pointers are null while unknown.
type ProgressEvent struct {
	Percent    *int   `json:"percent"`
	Commits    int64  `json:"commits"`
	Authors    int64  `json:"authors"`
	Bytes      int64  `json:"bytes"`
	BytesTotal *int64 `json:"bytes_total"`
	Rate       int64  `json:"rate"` // bytes a second
	ETA        *int64 `json:"eta_s"`
	LFS        *int64 `json:"lfs,omitempty"`       // Git LFS objects so far; nil before they come
	LFSTotal   *int64 `json:"lfs_total,omitempty"` // with LFS
}

// AuthorEvent is an identity seen for the first time. Name and mail may not be UTF-8; the fields with their bytes are set only then.
type AuthorEvent struct {
	ID              int64  `json:"id"`
	RemoteName      string `json:"remote_name"`
	RemoteNameBytes []byte `json:"remote_name_bytes,omitempty"`
	RemoteID        string `json:"remote_id"`
	RemoteIDBytes   []byte `json:"remote_id_bytes,omitempty"`
}

// NewAuthorEvent tells of an identity by its exact bytes.
func NewAuthorEvent(a Author) *AuthorEvent {
	e := &AuthorEvent{ID: a.ID}
	e.RemoteName, e.RemoteNameBytes = lossless(string(a.RemoteName))
	e.RemoteID, e.RemoteIDBytes = lossless(string(a.RemoteMail))
	return e
}

// ErrorEvent is why an import stopped.
type ErrorEvent struct {
	Code     Code   `json:"code"`
	Message  string `json:"message"`
	WhatToDo string `json:"what_to_do,omitempty"`
}

// QueuedEvent is the place of an import that waits for a worker: 1 for the next to be taken up.
type QueuedEvent struct {
	Position int `json:"position"`
}
