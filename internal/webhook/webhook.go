// Package webhook tells receivers how imports end: a row for each delivery, tried until it is taken or three days have passed.
package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/seal"
	"rehome/internal/store"
	"rehome/internal/wire"
)

// Options are what Hooks works with. DB, Client and Seal are required.
type Options struct {
	DB      *store.DB
	Client  *egress.Client
	Seal    *seal.Box
	Base    string           // of the URLs in payloads: the server's own, without trailing slash
	Version string           // of Rehome; receivers see a hash of it
	Log     *slog.Logger     // nil drops it
	Clock   func() time.Time // nil is time.Now
	Waits   []time.Duration  // between attempts; nil is defaultWaits

	// Tried is told what each attempt brought, and whether another follows; nil tells nobody. It must not wait.
	Tried func(a rehome.Answer, again bool)
}

// Hooks keeps webhooks and delivers to them. It is safe for concurrent use.
type Hooks struct {
	Options
	urls   wire.URLs
	agent  string        // the User-Agent of deliveries
	wake   chan struct{} // holds one: somebody added a delivery
	limits limits
}

// New returns Hooks that delivers once Run is called.
func New(o Options) *Hooks {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Waits == nil {
		o.Waits = defaultWaits
	}
	if o.Tried == nil {
		o.Tried = func(rehome.Answer, bool) {}
	}
	version := sha256.Sum256([]byte(o.Version))
	return &Hooks{
		Options: o,
		urls:    wire.URLs{Root: o.Base, API: o.Base},
		agent:   "GitHub-Hookshot/" + hex.EncodeToString(version[:])[:7],
		wake:    make(chan struct{}, 1),
		limits:  defaultLimits,
	}
}

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

// Edit changes a hook; nil fields stay as they are. A Config replaces the old one whole, secret and all; a secret of
// stars, as clients send back what they were shown, stays what it is.
type Edit struct {
	Config       *Config
	Events       *[]string
	AddEvents    []string
	RemoveEvents []string
	Active       *bool
}

// most is how many hooks a target can have.
const most = 20

// Create makes a hook and sends it a ping. Errors are Invalid with the Field config.url, config.content_type,
// config.insecure_ssl, config.secret or events, BlockedByPolicy for a URL that may not be reached, AlreadyExists, and LimitPassed.
func (h *Hooks) Create(ctx context.Context, at rehome.HookTarget, by rehome.Owner, q Create) (rehome.Hook, error) {
	wanted := store.Hook{Hook: rehome.Hook{Target: at, Active: q.Active}}
	if err := h.configure(&wanted, q.Config); err != nil {
		return rehome.Hook{}, err
	}
	events := q.Events
	if events == nil {
		events = []string{rehome.EventImport}
	}
	var err error
	if wanted.Events, err = checkEvents(events); err != nil {
		return rehome.Hook{}, err
	}
	made, err := h.DB.CreateHook(ctx, wanted, most)
	if err != nil {
		return rehome.Hook{}, err
	}
	if err := h.ping(ctx, made.Hook, by); err != nil { // it is there all the same
		h.Log.Warn("ping a new webhook", "hook", made.ID, "err", err)
	}
	return made.Hook, nil
}

// Hook returns the target's hook with that id; NotFound when there is none.
func (h *Hooks) Hook(ctx context.Context, at rehome.HookTarget, id int64) (rehome.Hook, error) {
	hook, err := h.DB.Hook(ctx, at, id)
	return hook.Hook, err
}

// List returns one page of the target's hooks, by id, and how many there are. Pages begin at 1.
func (h *Hooks) List(ctx context.Context, at rehome.HookTarget, page, perPage int) ([]rehome.Hook, int64, error) {
	rows, total, err := h.DB.Hooks(ctx, at, page, perPage)
	if err != nil {
		return nil, 0, err
	}
	all := make([]rehome.Hook, len(rows))
	for i, row := range rows {
		all[i] = row.Hook
	}
	return all, total, nil
}

// Edit changes a hook. Errors as with Hook and Create.
func (h *Hooks) Edit(ctx context.Context, at rehome.HookTarget, id int64, q Edit) (rehome.Hook, error) {
	var wanted store.Hook
	var kept rehome.Secret // stars: the secret stays
	if q.Config != nil {
		config := *q.Config
		if stars(config.Secret) {
			kept, config.Secret = config.Secret, ""
		}
		if err := h.configure(&wanted, config); err != nil {
			return rehome.Hook{}, err
		}
	}
	changed, err := h.DB.ChangeHook(ctx, at, id, func(hook *store.Hook) (err error) {
		if q.Config != nil {
			hook.URL, hook.Form = wanted.URL, wanted.Form
			switch {
			case kept == "":
				hook.Secret, hook.Signed = wanted.Secret, wanted.Signed
			case !hook.Signed:
				return checkSecret(kept)
			}
		}
		if q.Active != nil {
			hook.Active = *q.Active
		}
		if q.Events != nil || q.AddEvents != nil || q.RemoveEvents != nil {
			hook.Events, err = q.events(hook.Events)
		}
		return err
	})
	if err != nil {
		return rehome.Hook{}, err
	}
	return changed.Hook, nil
}

// Delete removes a hook; what is due to it is not sent any more.
func (h *Hooks) Delete(ctx context.Context, at rehome.HookTarget, id int64) error {
	return h.DB.DeleteHook(ctx, at, id)
}

// Ping sends the hook a ping, active or not.
func (h *Hooks) Ping(ctx context.Context, at rehome.HookTarget, id int64, by rehome.Owner) error {
	hook, err := h.DB.Hook(ctx, at, id)
	if err != nil {
		return err
	}
	return h.ping(ctx, hook.Hook, by)
}

// Deliveries returns at most limit deliveries to the hook, the newest first, with ids below before; 0 is no bound.
func (h *Hooks) Deliveries(ctx context.Context, at rehome.HookTarget, id, before int64, limit int) ([]rehome.Delivery, error) {
	if _, err := h.DB.Hook(ctx, at, id); err != nil {
		return nil, err
	}
	rows, err := h.DB.Deliveries(ctx, id, before, limit)
	if err != nil {
		return nil, err
	}
	all := make([]rehome.Delivery, len(rows))
	for i, row := range rows {
		all[i] = row.Delivery
	}
	return all, nil
}

// Delivery returns one delivery with what was sent and answered; NotFound when the hook has none of that id.
func (h *Hooks) Delivery(ctx context.Context, at rehome.HookTarget, id, delivery int64) (store.Delivery, error) {
	if _, err := h.DB.Hook(ctx, at, id); err != nil {
		return store.Delivery{}, err
	}
	return h.DB.Delivery(ctx, id, delivery)
}

// Redeliver sends a delivery's payload again, under its GUID.
func (h *Hooks) Redeliver(ctx context.Context, at rehome.HookTarget, id, delivery int64) error {
	d, err := h.Delivery(ctx, at, id, delivery)
	if err != nil {
		return err
	}
	_, err = h.DB.AddDelivery(ctx, store.Delivery{
		Delivery: rehome.Delivery{HookID: id, GUID: d.GUID, Event: d.Event, RepositoryID: d.RepositoryID, Redelivery: true},
		Payload:  d.Payload,
	})
	if err == nil {
		h.added()
	}
	return err
}

// added wakes Run. Nothing is lost where it does not run: rows say what is due.
func (h *Hooks) added() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}
