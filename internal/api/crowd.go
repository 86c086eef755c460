package api

import (
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"strconv"

	"rehome/internal/auth"
	"rehome/internal/lfs/server"
)

// What one client may have at once.
const (
	maxRequests = 1000 // requests from one address, by whatever connections: more than one has connections
	maxStreams  = 100  // event streams of one token
	maxFields   = 200  // headers of a request; browsers send twenty
)

var (
	errManyRequests = &failure{status: http.StatusTooManyRequests, message: "Too many requests are under way from this address. Wait for some to end."}
	errManyStreams  = &failure{status: http.StatusTooManyRequests, message: "Too many event streams are open with this token. Close some, or ask for the import's status instead."}
	errManyFields   = &failure{status: http.StatusRequestHeaderFieldsTooLarge, message: "The request has too many headers."}
)

// GitHub's words for credentials that were wrong too often.
const manyFailures = "Maximum number of login attempts exceeded. Please try again later."

// crowded lets a request in, until leave is called, or refuses it before anything is done for it.
func (a *API) crowded(w http.ResponseWriter, r *http.Request) (leave func(), refused bool) {
	leave, ok := a.open.Enter(a.bases.network(r))
	fields := 0
	for _, values := range r.Header {
		fields += len(values)
	}
	var no *failure
	switch {
	case !ok:
		no = errManyRequests
	case fields > maxFields:
		no = errManyFields
	default:
		return leave, false
	}
	leave()
	if g, isGit := splitGit(r); isGit {
		g.fail(w, no)
		return nil, true
	}
	a.write(w, &call{r: r, w: w, route: route{access: probe}}, no.answer(docs))
	return nil, true
}

// soon is when a client that was refused is asked to come again, in seconds.
const soon = "30"

// answer is the failure as it is sent. Whoever was refused for the time being learns when to come again.
func (f *failure) answer(doc string) answer {
	ans := answer{status: f.status, body: f.body(doc)}
	switch {
	case f.retry != "":
		ans.headers = http.Header{"Retry-After": {f.retry}}
	case f.status == http.StatusServiceUnavailable || f.status == http.StatusTooManyRequests:
		ans.headers = http.Header{"Retry-After": {soon}}
	}
	return ans
}

// tooOften is the failure for credentials that were wrong too often; nil where err is something else.
func tooOften(err error) *failure {
	var often *auth.TooManyError
	if !errors.As(err, &often) {
		return nil
	}
	return &failure{status: http.StatusForbidden, message: manyFailures, retry: strconv.Itoa(auth.CeilSeconds(often.Wait))}
}

// fail tells what asks for it of a failure, and when to come again.
func (g gitRequest) fail(w http.ResponseWriter, f *failure) {
	maps.Copy(w.Header(), f.answer("").headers)
	g.refuse()(w, f.status, f.message)
}

// refuse returns how what asks for it is told of a refusal.
func (g gitRequest) refuse() func(http.ResponseWriter, int, string) {
	if g.service == gitLFS {
		return server.Refuse
	}
	return refuseGit
}

// network returns who asked as limits count it: an address, and all of a /64 for IPv6, where anybody has as many as they like.
func (b bases) network(r *http.Request) string { return network(b.client(r)) }

func network(client string) string {
	addr, err := netip.ParseAddr(client)
	if err != nil || addr.Is4() {
		return client
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return client
	}
	return prefix.String()
}
