package webhook

import (
	"context"
	"crypto/rand"
	"fmt"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/wire"
)

// zen is what a ping says.
const zen = "A history worth keeping is worth moving with care."

// ImportEnded stores a delivery for each hook that is told of it, in the transaction that ends the import. told is
// to be called once that has committed.
func (h *Hooks) ImportEnded(ctx context.Context, t *store.Tx, e rehome.ImportEnd) (told func(), err error) {
	r, err := t.Repository(ctx, e.RepositoryID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return func() {}, nil // nobody is left to be told
	}
	if err != nil {
		return nil, err
	}
	hooks, err := t.HooksFor(ctx, r, rehome.EventImport)
	if err != nil {
		return nil, err
	}
	if len(hooks) == 0 {
		return func() {}, nil
	}
	sender, err := senderOf(ctx, t, e, r)
	if err != nil {
		return nil, err
	}
	d := store.Delivery{
		Delivery: rehome.Delivery{GUID: newGUID(), Event: rehome.EventImport, RepositoryID: r.ID},
		Payload:  h.importPayload(e.Outcome, r, sender),
	}
	for _, hook := range hooks { // all get the one GUID: it is the event's
		d.HookID = hook.ID
		if _, err := t.AddDelivery(ctx, d); err != nil {
			return nil, err
		}
	}
	return h.added, nil
}

// senderOf is who ended the import, the repository's owner where nobody knows or they are gone.
func senderOf(ctx context.Context, t *store.Tx, e rehome.ImportEnd, r rehome.Repository) (rehome.Owner, error) {
	if e.By == 0 {
		return r.Owner, nil
	}
	o, err := t.Owner(ctx, e.By)
	if rehome.CodeOf(err) == rehome.NotFound {
		return r.Owner, nil
	}
	return o, err
}

// importPayload has exactly the documented keys: receivers that are generated from the schema refuse others.
func (h *Hooks) importPayload(how rehome.Outcome, r rehome.Repository, sender rehome.Owner) []byte {
	o := wire.New("status", string(how), "repository", wire.RepositoryInPayload(h.urls, r))
	if r.Owner.Kind == rehome.Organization {
		o.Add("organization", wire.OrganizationInPayload(h.urls, r.Owner))
	}
	o.Add("sender", wire.Owner(h.urls, sender))
	return wire.Must(wire.Encode(o))
}

// ping adds a ping.
func (h *Hooks) ping(ctx context.Context, hook rehome.Hook, by rehome.Owner) error {
	payload, err := h.pingPayload(ctx, hook, by)
	if err != nil {
		return fmt.Errorf("write a ping: %w", err)
	}
	_, err = h.DB.AddDelivery(ctx, store.Delivery{
		Delivery: rehome.Delivery{HookID: hook.ID, GUID: newGUID(), Event: rehome.EventPing, RepositoryID: hook.Target.RepositoryID},
		Payload:  payload,
	})
	if err == nil {
		h.added()
	}
	return err
}

func (h *Hooks) pingPayload(ctx context.Context, hook rehome.Hook, by rehome.Owner) ([]byte, error) {
	o := wire.New("zen", zen, "hook_id", hook.ID)
	if hook.Target.OwnerID != 0 {
		owner, err := h.DB.OwnerByID(ctx, hook.Target.OwnerID)
		if err != nil {
			return nil, err
		}
		o.Add("hook", wire.OrganizationHook(h.urls, owner, hook), "organization", wire.OrganizationInPayload(h.urls, owner))
	} else {
		r, err := h.DB.RepositoryByID(ctx, hook.Target.RepositoryID)
		if err != nil {
			return nil, err
		}
		o.Add("hook", wire.RepositoryHook(h.urls, r, hook), "repository", wire.RepositoryInPayload(h.urls, r))
	}
	o.Add("sender", wire.Owner(h.urls, by))
	return wire.Encode(o)
}

// newGUID is a random UUID.
func newGUID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
