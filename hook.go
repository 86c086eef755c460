package rehome

import "time"

// EventImport is the one event webhooks tell of, besides EventPing.
const (
	EventImport = "repository_import"
	EventPing   = "ping"
)

// Outcome is how an import ended, in the webhook's words.
type Outcome string

// The outcomes. A state that waits for the user is none.
const (
	Success  Outcome = "success"   // it is complete, once more for each time it completes
	Failure  Outcome = "failure"   // it entered the status error, or a clock syncs it and it waits for credentials
	Canceled Outcome = "cancelled" // it was deleted before it was complete
)

// ImportEnd is what webhooks are told of.
type ImportEnd struct {
	ImportID     int64
	RepositoryID int64
	By           int64 // the owner who started the import, or who cancelled it; 0 when not known
	Outcome      Outcome
}

// HookTarget is what a webhook belongs to: one of the two is not 0.
type HookTarget struct {
	RepositoryID int64
	OwnerID      int64 // an organisation, of whose repositories the hook is told
}

// Hook is a webhook. Its secret, if it has one, is kept apart, sealed.
type Hook struct {
	ID        int64
	Target    HookTarget
	URL       string   // where deliveries are posted; without credentials
	Form      bool     // the payload is sent as a form's field instead of as JSON
	Events    []string // sorted, each once; "*" is every event
	Active    bool
	Signed    bool   // it has a secret
	Last      Answer // to the last attempt at a delivery, without body
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Answer is what came of an attempt at a delivery. The zero Answer is none yet.
type Answer struct {
	Code int    // HTTP status; 0 when there was no answer
	Text string // "OK", or what went wrong, fit to show
}

// OK reports whether the receiver took the delivery.
func (a Answer) OK() bool { return a.Code >= 200 && a.Code < 300 }

// Delivery is one message to one hook. It is tried until the receiver takes it or three days have passed.
type Delivery struct {
	ID            int64
	HookID        int64
	GUID          string // shared with its redeliveries
	Event         string
	RepositoryID  int64 // 0 for one that is about no repository
	Redelivery    bool  // asked for by a user
	Attempts      int
	NextAttemptAt time.Time // zero when no other follows
	CreatedAt     time.Time
	DeliveredAt   time.Time     // when the last attempt began; zero before the first
	Duration      time.Duration // of the last attempt
	Answer        Answer        // to the last attempt
}
