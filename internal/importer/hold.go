package importer

import (
	"context"
	"time"

	"rehome"
	"rehome/internal/store"
)

// Approve lets a held import push. Invalid when nothing is held, NotFound without an import.
func (m *Importer) Approve(ctx context.Context, repositoryID int64) (rehome.Import, error) {
	row, err := m.change(ctx, repositoryID, func(t *store.Tx, i *store.Import) error {
		if i.State.Status != rehome.WaitingToPush {
			return &rehome.Error{
				Code: rehome.Invalid, Message: "Nothing waits to be approved: the import's status is " + string(i.State.Status) + ".",
				Hint: "Approve when it is waiting_to_push, where an import comes to that was started with hold.",
			}
		}
		i.Approved = true
		letPush(i, t.Now)
		return nil
	})
	return row.Import, err
}

// held reports whether the import stops before its push: only the first one is held.
func held(i *store.Import) bool { return i.Options.Hold && !i.Approved && i.CompletedAt.IsZero() }

// letPush moves an import on to its push.
func letPush(i *store.Import, now time.Time) {
	i.DueAt = now
	i.Progress.PushPercent = 0
	become(i, rehome.Pushing)
}

// choices are what a request says of an import's options; nil leaves one as it is.
type choices struct{ hold, mapTrailers, mapHashes, allowMissingLFS *bool }

// applyTo changes options as chosen.
func (c choices) applyTo(o *rehome.Options) {
	for _, one := range []struct {
		chosen *bool
		option *bool
	}{{c.hold, &o.Hold}, {c.mapTrailers, &o.MapTrailers}, {c.mapHashes, &o.MapHashes}, {c.allowMissingLFS, &o.AllowMissingLFS}} {
		if one.chosen != nil {
			*one.option = *one.chosen
		}
	}
}

// refuseChoices refuses options as refuseMoved does.
func (m *Importer) refuseChoices(ctx context.Context, repositoryID int64, c choices) error {
	if c.mapTrailers == nil && c.mapHashes == nil {
		return nil
	}
	return m.refuseMoved(ctx, repositoryID, func(p *planned) { c.applyTo(&p.options) })
}

// choose changes the options of an import that is there, and what follows from them:
// another plan, the push of one that is not held any more, or another try. false when it is all as it
// was. Invalid for a hold that comes too late.
func (m *Importer) choose(i *store.Import, c choices, now time.Time) (bool, error) {
	if c.hold != nil && *c.hold {
		if err := tooLate(i); err != nil {
			return false, err
		}
	}
	was := i.Options
	c.applyTo(&i.Options)
	if i.Options.MapTrailers != was.MapTrailers || i.Options.MapHashes != was.MapHashes {
		m.replan(i, now)
	}
	if i.State.Status == rehome.WaitingToPush && !i.Options.Hold {
		letPush(i, now)
	}
	if i.State.Err != nil && i.State.Err.Code == rehome.LFSMissing && i.Options.AllowMissingLFS && !was.AllowMissingLFS {
		tryAgain(i, now)
	}
	return i.Options != was, nil
}

// tooLate refuses to hold an import whose first push was made or let go.
func tooLate(i *store.Import) error {
	e := &rehome.Error{
		Code: rehome.Invalid, Field: "hold",
		Hint: "Leave hold out. To see what a change would do before it is pushed, hold an import into another repository.",
	}
	switch {
	case !i.CompletedAt.IsZero():
		e.Message = "The first push was made already, and hold stops only that one."
	case i.State.Status == rehome.Pushing:
		e.Message = "The first push is under way already, and hold stops only what has not begun."
	case i.Approved && i.State.Status == rehome.Mapping:
		e.Message = "The first push was approved already, and follows the rewrite that runs."
	default:
		return nil
	}
	return e
}
