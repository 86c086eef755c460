package api

import "context"

// health says that the process answers.
func (a *API) health(context.Context, *call) (answer, error) {
	return ok(fieldsOf("status", "ok")), nil
}

// ready says that requests can be worked on: the database takes writes.
func (a *API) ready(ctx context.Context, _ *call) (answer, error) {
	if err := a.DB.Ping(ctx); err != nil {
		return answer{}, &unready{err}
	}
	return ok(fieldsOf("status", "ok")), nil
}

// unready shows as 503 and is logged as what is underneath.
type unready struct{ err error }

func (e *unready) Error() string   { return "not ready: " + e.err.Error() }
func (e *unready) Unwrap() []error { return []error{e.err, errUnavailable} }

func (a *API) rateLimit(_ context.Context, c *call) (answer, error) {
	resources := fieldsOf("core", c.rate.document(), "source_import", c.rate.document())
	return ok(fieldsOf("resources", resources, "rate", c.rate.document())), nil
}

func (a *API) user(_ context.Context, c *call) (answer, error) {
	return ok(userObject(c.urls, c.caller.User())), nil
}
