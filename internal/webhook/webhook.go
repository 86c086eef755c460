// Package webhook tells receivers how imports end: a row for each delivery, tried until it is taken or three days have passed.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/seal"
	"rehome/internal/store"
)

var errStub = errors.New("stub")

// Options are what Hooks works with. DB, Client and Seal are required.
type Options struct {
	DB     *store.DB
	Client *egress.Client
	Seal   *seal.Box
	Base   string           // of the URLs in payloads: the server's own, without trailing slash
	Log    *slog.Logger     // nil drops it
	Clock  func() time.Time // nil is time.Now
	Waits  []time.Duration  // between attempts; nil is defaultWaits
}

// Hooks keeps webhooks and delivers to them. It is safe for concurrent use.
type Hooks struct{ Options }

// New returns Hooks that delivers once Run is called.
func New(o Options) *Hooks { return &Hooks{o} }

// Config is where and how a hook is told.
type Config struct {
	URL         string        // http or https; credentials in it are refused
	ContentType string        // "json" or "form"; "" is form, as the API has it
	Secret      rehome.Secret // signs payloads; "" for none
	InsecureSSL bool          // refused: certificates are always checked
}

// Create is what a new hook is to be.
type Create struct {
	Config
	Events []string // nil is repository_import
	Active bool
}

// Edit changes a hook; nil fields stay as they are. A Config replaces the old one whole, secret and all.
type Edit struct {
	Config       *Config
	Events       *[]string
	AddEvents    []string
	RemoveEvents []string
	Active       *bool
}

// Create makes a hook and sends it a ping. Errors are Invalid with the Field config.url, config.content_type,
// config.insecure_ssl, config.secret or events, BlockedByPolicy for a URL that may not be reached, AlreadyExists, and LimitPassed.
func (h *Hooks) Create(ctx context.Context, at rehome.HookTarget, by rehome.Owner, q Create) (rehome.Hook, error) {
	return rehome.Hook{}, errStub
}

// Hook returns the target's hook with that id; NotFound when there is none.
func (h *Hooks) Hook(ctx context.Context, at rehome.HookTarget, id int64) (rehome.Hook, error) {
	return rehome.Hook{}, errStub
}

// List returns one page of the target's hooks, by id, and how many there are. Pages begin at 1.
func (h *Hooks) List(ctx context.Context, at rehome.HookTarget, page, perPage int) ([]rehome.Hook, int64, error) {
	return nil, 0, errStub
}

// Edit changes a hook. Errors as with Hook and Create.
func (h *Hooks) Edit(ctx context.Context, at rehome.HookTarget, id int64, q Edit) (rehome.Hook, error) {
	return rehome.Hook{}, errStub
}

// Delete removes a hook; what is due to it is not sent any more.
func (h *Hooks) Delete(ctx context.Context, at rehome.HookTarget, id int64) error { return errStub }

// Ping sends the hook a ping, active or not.
func (h *Hooks) Ping(ctx context.Context, at rehome.HookTarget, id int64, by rehome.Owner) error {
	return errStub
}

// Deliveries returns at most limit deliveries to the hook, the newest first, with ids below before; 0 is no bound.
func (h *Hooks) Deliveries(ctx context.Context, at rehome.HookTarget, id, before int64, limit int) ([]rehome.Delivery, error) {
	return nil, errStub
}

// Delivery returns one delivery with what was sent and answered; NotFound when the hook has none of that id.
func (h *Hooks) Delivery(ctx context.Context, at rehome.HookTarget, id, delivery int64) (store.Delivery, error) {
	return store.Delivery{}, errStub
}

// Redeliver sends a delivery's payload again, under its GUID.
func (h *Hooks) Redeliver(ctx context.Context, at rehome.HookTarget, id, delivery int64) error {
	return errStub
}

// ImportEnded stores a delivery for each hook that is told of it, in the transaction that ends the import. told is
// to be called once that has committed.
func (h *Hooks) ImportEnded(ctx context.Context, t *store.Tx, e rehome.ImportEnd) (told func(), err error) {
	return func() {}, nil
}

// Run delivers what is due until ctx ends, and waits for attempts under way, which end with it.
func (h *Hooks) Run(ctx context.Context) {}
