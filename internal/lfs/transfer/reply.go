package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

// answer is what a server says of one object that was asked for: what to do with it, or what is wrong.
type answer struct {
	object lfs.Object
	known  bool   // the server says something of it
	size   int64  // as the server has it; the object's own where it does not say
	link   *link  // where to download it, or upload it
	verify *link  // where to ask afterwards whether it is there
	code   int    // of the error, as an HTTP status
	text   string // of the error, fit to show; "" when there is none
}

// link is where an object can be downloaded or uploaded, or an upload verified.
type link struct {
	href          *url.URL
	header        http.Header
	authenticated bool      // no credentials are to be added
	chunked       bool      // what is sent there has to come in chunks
	until         time.Time // by our clock; zero when the server does not say
}

// reply is a server's answer to a batch (git-lfs docs/api/batch.md, "Successful Responses"), as far as it matters.
type reply struct {
	Transfer string        `json:"transfer"`
	Hash     string        `json:"hash_algo"`
	Objects  []replyObject `json:"objects"`
}

type replyObject struct {
	OID           string `json:"oid"`
	Size          *int64 `json:"size"`
	Authenticated bool   `json:"authenticated"`
	Actions       struct {
		Download *action `json:"download"`
		Upload   *action `json:"upload"`
		Verify   *action `json:"verify"`
	} `json:"actions"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// action is what a link is made of. When it runs out is read leniently: it is only advice.
type action struct {
	Href      string            `json:"href"`
	Header    map[string]string `json:"header"`
	ExpiresIn json.RawMessage   `json:"expires_in"` // seconds
	ExpiresAt json.RawMessage   `json:"expires_at"` // RFC 3339
}

// question is what a reply is to: an operation, and when it was asked by our clock and answered by the server's,
// if it says so. shown makes its words fit to show.
type question struct {
	operation    string
	ours, theirs time.Time
	shown        func(words string) string
}

// decodeReply returns an answer for each object that was asked for, in that order; others are passed over.
func decodeReply(data []byte, asked []lfs.Object, q question) ([]answer, error) {
	var r reply
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read answer to a batch: %w", err)
	}
	if r.Transfer != "" && r.Transfer != "basic" {
		return nil, fmt.Errorf("the server wants the transfer %q", rehome.Clean(r.Transfer, maxText))
	}
	if r.Hash != "" && r.Hash != "sha256" {
		return nil, fmt.Errorf("the server's ids are of the kind %q", rehome.Clean(r.Hash, maxText))
	}
	place := make(map[string]int, len(asked))
	answers := make([]answer, len(asked))
	for i, o := range asked {
		answers[i] = answer{object: o, size: o.Size}
		place[o.OID.String()] = i
	}
	for _, o := range r.Objects {
		if i, ok := place[o.OID]; ok {
			delete(place, o.OID) // the first answer counts
			answers[i].read(o, q)
		}
	}
	return answers, nil
}

// read takes what a reply says of an object.
func (a *answer) read(o replyObject, q question) {
	a.known = true
	if o.Size != nil {
		a.size = *o.Size
	}
	if o.Error != nil {
		a.code, a.text = o.Error.Code, q.shown(o.Error.Message)
		if a.text == "" {
			a.text = "an error without words"
		}
		return
	}
	var err error
	if q.operation == forDownload {
		a.link, err = readLink(o.Actions.Download, o.Authenticated, q)
	} else if a.link, err = readLink(o.Actions.Upload, o.Authenticated, q); a.link != nil {
		a.verify, err = readLink(o.Actions.Verify, o.Authenticated, q)
	}
	if err != nil {
		a.link, a.verify, a.text = nil, nil, err.Error()
	}
}

// readLink checks what an action says; nil stays nil. It has nothing to say on where the link leads: the guarded
// client judges that.
func readLink(a *action, authenticated bool, q question) (*link, error) {
	if a == nil {
		return nil, nil
	}
	href, err := url.Parse(a.Href)
	if err != nil {
		return nil, errors.New("the link to it is no URL")
	}
	if href.Scheme != "http" && href.Scheme != "https" || href.Hostname() == "" || href.User != nil {
		return nil, errors.New("the link to it is no http or https URL without credentials")
	}
	href.Fragment, href.RawFragment = "", ""
	l := &link{href: href, authenticated: authenticated, until: a.until(q)}
	if l.header, err = egress.ForeignHeader(a.Header); err != nil {
		return nil, errors.New("the link to it has a bad header")
	}
	for name, value := range a.Header {
		l.chunked = l.chunked || strings.EqualFold(name, "Transfer-Encoding") && value == "chunked" // as git-lfs reads it
	}
	return l, nil
}

// until is when a link runs out, by our clock: expires_in is told from when it was asked for, expires_at by the
// server's clock. As with git-lfs, the first counts when both are there.
func (a *action) until(q question) time.Time {
	var seconds int64
	if json.Unmarshal(a.ExpiresIn, &seconds) == nil && seconds != 0 {
		return q.ours.Add(time.Duration(min(max(seconds, 0), math.MaxInt32)) * time.Second)
	}
	var at time.Time
	if json.Unmarshal(a.ExpiresAt, &at) != nil || at.IsZero() {
		return time.Time{}
	}
	if q.theirs.IsZero() {
		return at
	}
	return q.ours.Add(at.Sub(q.theirs))
}
