package egress

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
)

// maxRedirects is how many hops one request may take.
const maxRedirects = 5

// The redirects that lead nowhere.
var (
	errTooManyRedirects = errors.New("it redirects too often")
	errBadRedirect      = errors.New("it redirects to what is no address")
)

// checkRedirect judges the hop to r: only GET and HEAD, same scheme or upwards, an
// allowed target, and no credentials once another origin was met.
func (c *Client) checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet && first.Method != http.MethodHead {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return errTooManyRedirects
	}
	last := via[len(via)-1]
	if r.URL.Scheme != last.URL.Scheme && r.URL.Scheme != "https" {
		return blocked(errors.New("redirect to a weaker scheme"))
	}
	if r.URL.User != nil {
		return blocked(errors.New("redirect with credentials"))
	}
	if err := c.checkHTTP(r.URL); err != nil {
		return err
	}
	strayed := !SameOrigin(first.URL, r.URL)
	for _, hop := range via {
		strayed = strayed || !SameOrigin(first.URL, hop.URL)
	}
	r.Header.Del("Referer") // net/http's own idea
	if strayed {
		maps.DeleteFunc(r.Header, func(name string, _ []string) bool { return !everywhere[name] })
	}
	return nil
}

// everywhere are the headers that another origin gets, too. Any other may be one that signs in, as forges and object
// stores have them under many names.
var everywhere = map[string]bool{"User-Agent": true, "Accept": true, "Range": true, "Pragma": true, "Git-Protocol": true}

// SameOrigin reports whether a and b have the same scheme, host and port, so that
// credentials for one may go to the other.
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && hostKey(a.Hostname()) == hostKey(b.Hostname()) && port(a) == port(b)
}

// port returns the port u means, by its scheme when it names none.
func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "ssh":
		return "22"
	case "git":
		return "9418"
	}
	return "80"
}
