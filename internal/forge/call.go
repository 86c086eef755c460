package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"rehome"
	"rehome/internal/egress"
)

// The bounds of a call.
const (
	callTime  = 2 * time.Minute // one try
	callWait  = time.Minute     // until its answer begins
	maxAnswer = 1 << 20         // bytes
	maxHops   = 3               // redirects of what is no GET
	maxPause  = time.Minute     // a forge may ask for
	maxWords  = 300             // bytes of a forge's words that are shown
)

// pauses are how long to wait before each further try.
var pauses = [...]time.Duration{time.Second, 4 * time.Second}

// call asks the API of one site.
type call struct {
	*Forges
	Site
}

// answer is what a forge says.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// decode reads the answer into v.
func (a answer) decode(v any) error {
	if err := json.Unmarshal(a.body, v); err != nil {
		return &rehome.Error{
			Code: rehome.DestinationRefused, Message: "The destination's API answers with what is not JSON as documented.",
			Hint: "Make sure that the address is that of a repository.", Err: err,
		}
	}
	return nil
}

func (f *Forges) agent() string {
	if f.o.Version == "" {
		return "rehome"
	}
	return "rehome/" + f.o.Version
}

// do sends in, as JSON unless it is nil, and tries again what may be over soon. Errors are *rehome.Error: DestinationCutOff,
// BlockedByPolicy, Cancelled, and DestinationRefused for redirects that are not followed.
func (c call) do(ctx context.Context, method, path string, in any) (answer, error) {
	for try := 0; ; try++ {
		a, err := c.once(ctx, method, path, in)
		wait, soon := later(a, err)
		if !soon || try == len(pauses) {
			return a, err
		}
		if c.o.Sleep(ctx, max(pauses[try], wait)) != nil {
			return answer{}, cancelled(ctx)
		}
	}
}

// later reports whether another try may help, and how long the forge wants us to wait.
func later(a answer, err error) (time.Duration, bool) {
	if err != nil {
		return 0, rehome.CodeOf(err) == rehome.DestinationCutOff
	}
	seconds, parse := strconv.ParseUint(a.header.Get("Retry-After"), 10, 31)
	wait := time.Duration(seconds) * time.Second
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInternalServerError:
		return wait, wait <= maxPause
	case http.StatusForbidden: // GitHub's secondary rate limit
		return wait, parse == nil && wait <= maxPause
	}
	return 0, false
}

// once makes one try, and follows redirects within the API's origin.
func (c call) once(ctx context.Context, method, path string, in any) (answer, error) {
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	at := c.API.String() + path
	for range maxHops + 1 {
		resp, err := c.send(bounded, method, at, in)
		if err != nil {
			if ctx.Err() != nil {
				return answer{}, cancelled(ctx)
			}
			return answer{}, cutOff(err)
		}
		next, err := c.redirect(resp)
		if err != nil {
			return answer{}, err
		}
		if next == "" {
			return read(ctx, resp)
		}
		at = next
	}
	return answer{}, astray("too often")
}

func (c call) send(ctx context.Context, method, at string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return nil, errors.New("the API has no such address")
	}
	r.Header.Set("User-Agent", c.agent())
	r.Header.Set("Accept", "application/json")
	if c.Kind == GitHub {
		r.Header.Set("Accept", "application/vnd.github+json")
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	c.sign(r)
	return c.o.Client.DoWithin(r, callWait)
}

// sign adds the credentials. All forges take them in the header Authorization, which egress does not take to another
// origin; GitLab's own PRIVATE-TOKEN it would.
func (c call) sign(r *http.Request) {
	switch {
	case c.token == "" || c.strayed:
	case c.Kind == Gitea && !placeholder[c.username]:
		r.SetBasicAuth(c.username, string(c.token)) // the password may be a token, too
	case c.Kind == Gitea:
		r.Header.Set("Authorization", "token "+string(c.token))
	default:
		r.Header.Set("Authorization", "Bearer "+string(c.token))
	}
}

// placeholder are user names that say: the password is a token.
var placeholder = map[string]bool{"": true, "git": true, "token": true, "oauth2": true, "x-access-token": true, "x-token-auth": true, "private-token": true}

// redirect returns where resp leads within the API's origin, "" when it is an answer.
func (c call) redirect(resp *http.Response) (string, error) {
	if !egress.SameOrigin(c.API, resp.Request.URL) { // a GET, whose redirects were followed
		defer resp.Body.Close()
		return "", astray("to " + rehome.Clean(resp.Request.URL.Host, maxWords))
	}
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return "", nil
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	switch {
	case err != nil || to.User != nil:
		return "", astray("to what is no address")
	case !egress.SameOrigin(c.API, to):
		return "", astray("to " + rehome.Clean(to.Host, maxWords))
	}
	return to.String(), nil
}

func astray(where string) error {
	return &rehome.Error{
		Code: rehome.DestinationRefused, Message: fmt.Sprintf("The destination's API redirects %s, where the token may not go.", where),
		Hint: "Give the address that it leads to as the destination.",
	}
}

func read(ctx context.Context, resp *http.Response) (answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case ctx.Err() != nil:
		return answer{}, cancelled(ctx)
	case err != nil:
		return answer{}, cutOff(err)
	case len(body) > maxAnswer:
		body = nil // no documented answer is so long
	}
	return answer{resp.StatusCode, resp.Header, body}, nil
}

// cutOff is the error of an API that cannot be reached, or of a connection that broke.
func cutOff(err error) error {
	e := *rehome.AsError(err)
	switch e.Code {
	case rehome.BlockedByPolicy, rehome.Cancelled:
		return err
	case rehome.Unreachable:
	default:
		e.Message, e.Hint = "The connection to the destination's API broke.", "Try again."
	}
	e.Code, e.Err = rehome.DestinationCutOff, err
	return &e
}

func cancelled(ctx context.Context) error {
	return &rehome.Error{Code: rehome.Cancelled, Message: "The push was cancelled.", Err: context.Cause(ctx)}
}
