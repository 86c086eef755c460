package auth

import (
	"log/slog"
	"time"
)

// Doors is what the doors of a server have in common: who has guessed too often at one has at all.
type Doors struct {
	Guard  *Guard   // counts bad credentials
	Limits *Limiter // counts requests
}

// Opened returns doors that have everything: what d lacks is made for them alone.
func (d Doors) Opened(a *Auth, clock func() time.Time, log *slog.Logger) Doors {
	if d.Guard == nil {
		d.Guard = NewGuard(a, clock, log)
	}
	if d.Limits == nil {
		d.Limits = NewLimiter(DefaultRate, clock)
	}
	return d
}
