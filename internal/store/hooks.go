package store

import (
	"context"
	"errors"

	"rehome"
)

var errStub = errors.New("stub")

// Hook is a webhook's row.
type Hook struct {
	rehome.Hook
	Secret  []byte // sealed; nil for none
	Failing int    // attempts in a row that failed
}

// CreateHook stores h and returns it with id and times. AlreadyExists when its target has one with
// the same URL, content type and events; LimitPassed when the target has most already.
func (db *DB) CreateHook(ctx context.Context, h Hook, most int) (Hook, error) { return Hook{}, errStub }

// Hook returns the hook of the target with that id; NotFound when there is none.
func (db *DB) Hook(ctx context.Context, at rehome.HookTarget, id int64) (Hook, error) {
	return Hook{}, errStub
}

// Hooks returns one page of the target's hooks, by id, and how many there are. Pages begin at 1.
func (db *DB) Hooks(ctx context.Context, at rehome.HookTarget, page, perPage int) ([]Hook, int64, error) {
	return nil, 0, errStub
}

// ChangeHook changes the hook in one transaction; NotFound when there is none, AlreadyExists as with CreateHook.
func (db *DB) ChangeHook(ctx context.Context, at rehome.HookTarget, id int64, change func(*Hook) error) (Hook, error) {
	return Hook{}, errStub
}

// DeleteHook removes the hook and its deliveries, due ones too; NotFound when there is none.
func (db *DB) DeleteHook(ctx context.Context, at rehome.HookTarget, id int64) error { return errStub }

// HooksFor returns the active hooks that are told of the event in r: the repository's own and, where an organisation
// owns it, the organisation's, by id.
func (t *Tx) HooksFor(ctx context.Context, r rehome.Repository, event string) ([]Hook, error) {
	return nil, errStub
}
