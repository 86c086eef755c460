package api

import (
	"rehome/internal/auth"
	"rehome/internal/wire"
)

// rateDocument is how GitHub shows a rate.
func rateDocument(r auth.Rate) *wire.Object {
	return wire.New("limit", r.Limit, "used", min(r.Used, r.Limit), "remaining", r.Remaining(), "reset", r.Reset.Unix(), "resource", "core")
}
