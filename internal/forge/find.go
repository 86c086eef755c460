package forge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
)

// The bounds of finding out. A forge answers these questions at once.
const (
	findTime    = 40 * time.Second // everything together
	answerTime  = 10 * time.Second // each question
	maxGreeting = 64 << 10         // bytes of an answer
	maxPrefix   = 3                // segments of a path in front of an instance's own
)

// known are the forges that everybody knows, with the hosts of their SSH. They are not asked what they are.
var known = map[string]struct {
	kind Kind
	api  string
}{
	"github.com":        {GitHub, "https://api.github.com"},
	"www.github.com":    {GitHub, "https://api.github.com"},
	"ssh.github.com":    {GitHub, "https://api.github.com"},
	"gitlab.com":        {GitLab, "https://gitlab.com/api/v4"},
	"altssh.gitlab.com": {GitLab, "https://gitlab.com/api/v4"},
	"codeberg.org":      {Gitea, "https://codeberg.org/api/v1"},
	"gitea.com":         {Gitea, "https://gitea.com/api/v1"},
}

// Find says which forge serves l, without sending credentials anywhere. Unknown is no error: one is
// *rehome.Error, for an address that cannot be reached (DestinationCutOff) or may not be (BlockedByPolicy), or Cancelled.
// With ssh the same host is asked over https; a Site found so can be written to only when l has a password, which then is the token.
func (f *Forges) Find(ctx context.Context, l remote.Location) (Site, error) {
	if !l.HTTP() && !l.SSH() {
		return Site{}, nil
	}
	parts := segments(l.URL.Path)
	if len(parts) == 0 {
		return Site{}, nil
	}
	s := Site{username: l.Username, token: l.Password}
	if l.SSH() {
		s.username = "" // that of SSH is another one, mostly git
	} else if s.token == "" || s.token == "x-oauth-basic" {
		s.username, s.token = "", rehome.Secret(l.Username) // as in https://TOKEN@host
	}
	if kind, api := byName(l.URL); kind != Unknown {
		return s.at(kind, api, parts), nil
	}
	bounded, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	found, err := f.ask(bounded, l, s, parts)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return Site{}, nil
	}
	return found, err
}

// segments splits the path of a repository; nil when it is none.
func segments(p string) []string {
	p = strings.TrimSuffix(strings.Trim(p, "/"), ".git")
	parts := strings.Split(p, "/")
	if slices.ContainsFunc(parts, func(s string) bool { return s == "" || s == "." || s == ".." }) {
		return nil
	}
	return parts
}

// byName returns the forge that u is known to be at.
func byName(u *url.URL) (Kind, *url.URL) {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if port := u.Port(); port != "" && port != "443" && port != "22" && port != "80" {
		return Unknown, nil
	}
	if tenant, ok := strings.CutSuffix(host, ".ghe.com"); ok && !strings.Contains(tenant, ".") {
		return GitHub, &url.URL{Scheme: "https", Host: "api." + host}
	}
	k, ok := known[host]
	if !ok {
		return Unknown, nil
	}
	api, err := url.Parse(k.api)
	if err != nil {
		return Unknown, nil
	}
	return k.kind, api
}

// at places s at a forge; rest is the path of the repository below the instance.
func (s Site) at(kind Kind, api *url.URL, rest []string) Site {
	s.Kind, s.API = kind, api
	if n := len(rest); n == 2 || n > 2 && kind == GitLab {
		s.Owner, s.Name = strings.Join(rest[:n-1], "/"), rest[n-1]
	}
	return s
}

// question is what one kind of forge answers as no other does.
type question struct {
	kind      Kind
	api, path string
	is        func(status int, h http.Header, body []byte) bool
}

var questions = []question{
	{Gitea, "/api/v1", "/version", isGitea},
	{GitLab, "/api/v4", "/version", isGitLab},
	{GitHub, "/api/v3", "/meta", isGitHub},
	{Rehome, "/api/v3", "/meta", isRehome},
}

// ask finds out by asking the origin of l, and instances below the first segments of its path.
func (f *Forges) ask(ctx context.Context, l remote.Location, s Site, parts []string) (Site, error) {
	origin := &url.URL{Scheme: l.URL.Scheme, Host: l.URL.Host}
	if l.SSH() {
		origin = &url.URL{Scheme: "https", Host: l.URL.Hostname()}
		if ip := net.ParseIP(l.URL.Hostname()); ip != nil && ip.To4() == nil {
			origin.Host = "[" + l.URL.Hostname() + "]"
		}
	}
	for n := 0; n <= min(max(len(parts)-2, 0), maxPrefix); n++ {
		for _, q := range questions {
			base := &url.URL{Scheme: origin.Scheme, Host: origin.Host, Path: "/" + strings.Join(parts[:n], "/")}
			at, err := f.greet(ctx, base, q)
			switch {
			case err != nil && l.SSH() && rehome.CodeOf(err) == rehome.DestinationCutOff:
				return Site{}, nil // it need not serve anything else
			case err != nil:
				return Site{}, err
			case at != nil:
				s.strayed = !egress.SameOrigin(origin, at)
				return s.at(q.kind, at, parts[n:]), nil
			}
		}
	}
	return Site{}, nil
}

// greet asks q of an instance and returns where the API is that answered, nil when the answer is not that of its kind.
func (f *Forges) greet(ctx context.Context, instance *url.URL, q question) (*url.URL, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, instance.JoinPath(q.api, q.path).String(), nil)
	if err != nil {
		return nil, nil //nolint:nilerr // such an address has no API
	}
	r.Header.Set("User-Agent", f.agent())
	r.Header.Set("Accept", "application/json")
	resp, err := f.o.Client.DoWithin(r, f.wait)
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, egress.ErrLate) {
			return nil, nil // it may be slow with this question only
		}
		return nil, cutOff(err)
	}
	defer resp.Body.Close()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != "application/json" {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxGreeting))
	if err != nil || !q.is(resp.StatusCode, resp.Header, body) {
		return nil, nil //nolint:nilerr // half an answer says nothing
	}
	at := *resp.Request.URL // redirects followed
	if at.RawQuery != "" || !strings.HasSuffix(at.Path, q.api+q.path) {
		return nil, nil
	}
	return &url.URL{Scheme: at.Scheme, Host: at.Host, Path: strings.TrimSuffix(at.Path, q.path)}, nil
}

// isGitea knows {"version": "1.26.0"}, and the words for instances where strangers may ask nothing.
func isGitea(status int, _ http.Header, body []byte) bool {
	var a struct{ Version, Message *string }
	if json.Unmarshal(body, &a) != nil {
		return false
	}
	if status == http.StatusOK {
		return a.Version != nil && *a.Version != ""
	}
	return (status == http.StatusForbidden || status == http.StatusUnauthorized) && a.Message != nil &&
		strings.Contains(*a.Message, "Only signed in user is allowed to call APIs")
}

// isRehome knows our own host: it answers in GitHub's manner, and that there is no such call.
func isRehome(status int, h http.Header, body []byte) bool {
	return status == http.StatusNotFound && json.Valid(body) && h.Get("X-Github-Request-Id") != "" && strings.HasPrefix(h.Get("X-Github-Media-Type"), "github.v3")
}

// isGitLab knows the answer for strangers, who are not told the version, and GitLab's header.
func isGitLab(status int, h http.Header, body []byte) bool {
	var a struct{ Version, Revision, Message *string }
	if json.Unmarshal(body, &a) != nil {
		return false
	}
	switch status {
	case http.StatusOK:
		return a.Version != nil && a.Revision != nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return h.Get("X-Gitlab-Meta") != "" || a.Message != nil && *a.Message == "401 Unauthorized"
	}
	return false
}

// isGitHub knows GitHub Enterprise by its headers; one in private mode answers 401.
func isGitHub(status int, h http.Header, body []byte) bool {
	if status != http.StatusOK && status != http.StatusUnauthorized || !json.Valid(body) {
		return false
	}
	return h.Get("X-Github-Enterprise-Version") != "" || h.Get("X-Github-Request-Id") != ""
}
