package api

import (
	"context"
	"time"

	"rehome/internal/wire"
)

// health says that the process answers.
func (a *API) health(context.Context, *call) (answer, error) {
	return ok(wire.New("status", "ok")), nil
}

// readyWithin is less than those who ask have patience for.
const readyWithin = 2 * time.Second

// ready says that requests can be worked on: the database takes writes, and there is room for new work. Without the bucket most
// still can, and it says so.
func (a *API) ready(ctx context.Context, _ *call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := a.DB.Ping(ctx); err != nil {
		return answer{}, &unready{err}
	}
	if err := a.wantRoom(); err != nil {
		return answer{}, err
	}
	if !a.BucketUp() {
		return ok(wire.New("status", "degraded", "object_store", "does not answer")), nil
	}
	return ok(wire.New("status", "ok")), nil
}

// metrics lets them speak for themselves.
func (a *API) metrics(_ context.Context, c *call) (answer, error) {
	a.headers(c.w.Header(), c)
	c.w.Header().Set("Cache-Control", "no-store")
	a.pace.steady(c.w).hurry()
	a.Metrics.ServeHTTP(c.w, c.r)
	return answer{stream: true}, nil
}

// unready shows as 503 and is logged as what is underneath.
type unready struct{ err error }

func (e *unready) Error() string   { return "not ready: " + e.err.Error() }
func (e *unready) Unwrap() []error { return []error{e.err, errNoDatabase} }

func (a *API) rateLimit(_ context.Context, c *call) (answer, error) {
	resources := wire.New("core", rateDocument(c.rate), "source_import", rateDocument(c.rate))
	return ok(wire.New("resources", resources, "rate", rateDocument(c.rate))), nil
}

func (a *API) user(ctx context.Context, c *call) (answer, error) {
	return a.userObject(ctx, c, c.caller.User())
}
