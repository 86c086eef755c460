package wire

import "context"

// Visit is what the door found out of a request before it knew what the request is for: proxies stand in between.
type Visit struct {
	URLs   URLs   // with the base the client used
	Client string // the address of who asked, as limits count it: all of a /64 for IPv6

	// Tell is told, once it is known, the login of who asks, "" for nobody, and by which of the routes there are; nil tells nobody.
	// It is called while the request is served, by the goroutine that serves it.
	Tell func(user, route string)
}

type visitKey struct{}

// WithVisit returns a context that VisitOf finds v in.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// VisitOf returns the visit of a request's context, the zero Visit without one.
func VisitOf(ctx context.Context) Visit {
	v, _ := ctx.Value(visitKey{}).(Visit)
	return v
}
