package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"rehome/internal/wire"
)

// answer is what a handler gives back. The zero status is 200; no body is none at all.
type answer struct {
	status  int
	body    any
	headers http.Header // besides the ones every answer has
	stream  bool        // the handler has written everything itself
}

// verbatim is a body that is JSON already and is sent byte for byte.
type verbatim []byte

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

func created(body any, location string) answer {
	return answer{status: http.StatusCreated, body: body, headers: http.Header{"Location": {location}}}
}

func noContent() answer { return answer{status: http.StatusNoContent} }

// write sends an answer. It is the only place that does, streams aside.
func (a *API) write(w http.ResponseWriter, c *call, ans answer) {
	if ans.stream {
		return
	}
	out := a.pace.steady(w)
	out.hurry() // answers without a body wait for their clients, too
	h := w.Header()
	for name, values := range ans.headers {
		h[name] = values
	}
	if ans.body == nil {
		a.headers(h, c)
		w.WriteHeader(ans.status)
		return
	}
	body, asIs := ans.body.(verbatim)
	if !asIs {
		body = wire.Must(wire.Encode(ans.body))
	}
	tag := etag(body)
	spell(h, "ETag", tag)
	h.Set("Cache-Control", "private, max-age=60, s-maxage=60")
	if ans.status >= http.StatusInternalServerError {
		h.Set("Cache-Control", "no-store")
	}
	if ans.status == http.StatusOK && unchanged(c.r, tag) {
		a.notModified(w, c)
		return
	}
	a.headers(h, c)
	if ans.status == http.StatusForbidden && c.rate.Exceeded() {
		h.Set("Retry-After", strconv.Itoa(c.rate.Wait(a.Clock())))
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(ans.status)
	out.send(body)
}

// notModified says that the client has what the ETag set before stands for. As on GitHub
// that counts against no rate limit for those who have signed in.
func (a *API) notModified(w http.ResponseWriter, c *call) {
	if !c.caller.Anonymous() {
		c.rate = a.Limits.GiveBack(a.rateKey(c), c.rate)
	}
	a.headers(w.Header(), c)
	w.WriteHeader(http.StatusNotModified)
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// unchanged reports whether the client has what tag stands for. W/ does not count.
func unchanged(r *http.Request, tag string) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return slices.ContainsFunc(list(r, "If-None-Match"), func(known string) bool {
		return known == "*" || strings.TrimPrefix(known, "W/") == tag
	})
}

const exposed = "ETag, Link, Location, Retry-After, X-GitHub-OTP, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Used, " +
	"X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-Poll-Interval, X-GitHub-Media-Type, " +
	"X-GitHub-Request-Id, X-GitHub-Api-Version-Selected, Deprecation, Sunset"

// spell sets a header under the very name that clients know. Header.Set would write X-Ratelimit-Limit, which those
// who look with grep would miss.
func spell(h http.Header, name, value string) { h[name] = []string{value} }

// headers sets what every answer has. Nothing says deprecated: some clients would repeat it with each call.
func (a *API) headers(h http.Header, c *call) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposed)
	h.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP")
	if c.route.access == probe {
		return
	}
	spell(h, "X-GitHub-Media-Type", mediaType(c.r))
	if v := version(c); v != "" {
		spell(h, "X-GitHub-Api-Version-Selected", v)
	}
	spell(h, "X-RateLimit-Limit", strconv.Itoa(c.rate.Limit))
	spell(h, "X-RateLimit-Remaining", strconv.Itoa(c.rate.Remaining()))
	spell(h, "X-RateLimit-Used", strconv.Itoa(min(c.rate.Used, c.rate.Limit)))
	spell(h, "X-RateLimit-Reset", strconv.FormatInt(c.rate.Reset.Unix(), 10))
	spell(h, "X-RateLimit-Resource", "core")
	if !c.caller.Anonymous() {
		spell(h, "X-OAuth-Scopes", strings.Join(c.caller.Token.Scopes, ", "))
		spell(h, "X-Accepted-OAuth-Scopes", c.route.scopes())
	}
}

// scopes lists the scopes of which a route wants one. As the service did, imports name none.
func (r route) scopes() string {
	switch r.access {
	case keepsHooks:
		return "admin:repo_hook, repo"
	case keepsOrgHooks:
		return "admin:org_hook"
	case creates:
		return "repo"
	case reads, writes, administers:
		if r.resource() == "Repository" {
			return "repo"
		}
	}
	return ""
}

const preview = "github.barred-rock-preview"

// mediaType names the media type an answer is in, the way GitHub does. Whatever is
// asked for, the body is the same.
func mediaType(r *http.Request) string {
	for _, accepted := range list(r, "Accept") {
		kind, _, _ := strings.Cut(strings.ToLower(accepted), ";")
		if strings.TrimSuffix(strings.TrimSpace(kind), "+json") == "application/vnd."+preview {
			return preview
		}
	}
	return "github.v3; format=json"
}

// preflight answers a browser that asks whether it may send a request.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, "+
		"Accept-Encoding, X-GitHub-OTP, X-Requested-With, User-Agent, X-GitHub-Api-Version, Last-Event-ID")
	h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
	h.Set("Access-Control-Expose-Headers", exposed)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}

// lossless gives the text of bytes from a repository and, where replacement
// characters had to be put in, the bytes themselves.
func lossless(o *wire.Object, key string, b []byte) {
	text := strings.ToValidUTF8(string(b), "\uFFFD")
	o.Add(key, text)
	if text != string(b) {
		o.Add(key+"_bytes", b)
	}
}
