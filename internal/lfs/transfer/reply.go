package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/lfs"
)

// answer is what a server says of one object that was asked for: where it is, or what is wrong.
type answer struct {
	object lfs.Object
	link   *link
	code   int    // of the error, as an HTTP status; 0 when there is no link and no error either
	text   string // of the error, fit to show
}

// link is where an object can be downloaded.
type link struct {
	href          *url.URL
	header        http.Header
	authenticated bool // no credentials are to be added
}

// reply is a server's answer to a batch (git-lfs docs/api/batch.md, "Successful Responses"), as far as it matters.
type reply struct {
	Transfer string `json:"transfer"`
	Hash     string `json:"hash_algo"`
	Objects  []struct {
		OID           string `json:"oid"`
		Authenticated bool   `json:"authenticated"`
		Actions       struct {
			Download *action `json:"download"`
		} `json:"actions"`
		Error *struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	} `json:"objects"`
}

type action struct {
	Href   string            `json:"href"`
	Header map[string]string `json:"header"`
}

// decodeReply returns an answer for each object that was asked for, in that order; others are passed over.
func decodeReply(data []byte, asked []lfs.Object) ([]answer, error) {
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
		answers[i].object = o
		place[o.OID.String()] = i
	}
	for _, o := range r.Objects {
		i, ok := place[o.OID]
		if !ok {
			continue
		}
		delete(place, o.OID) // the first answer counts
		a := &answers[i]
		switch {
		case o.Error != nil:
			a.code, a.text = o.Error.Code, rehome.Clean(o.Error.Message, maxText)
		case o.Actions.Download != nil:
			a.link = &link{authenticated: o.Authenticated}
			if err := a.link.read(o.Actions.Download); err != nil {
				a.link, a.text = nil, err.Error()
			}
		}
	}
	return answers, nil
}

// read checks what an action says. It has nothing to say on where the link leads: the guarded client judges that.
func (l *link) read(a *action) (err error) {
	if l.href, err = url.Parse(a.Href); err != nil {
		return errors.New("the link to it is no URL")
	}
	if l.href.Scheme != "http" && l.href.Scheme != "https" || l.href.Hostname() == "" || l.href.User != nil {
		return errors.New("the link to it is no http or https URL without credentials")
	}
	l.href.Fragment, l.href.RawFragment = "", ""
	l.header = http.Header{}
	for name, value := range a.Header {
		if !isToken(name) || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }) {
			return errors.New("the link to it has a bad header")
		}
		if name = textproto.CanonicalMIMEHeaderKey(name); !ours[name] {
			l.header.Set(name, value)
		}
	}
	return nil
}

// ours are headers that no server decides on: those of the connection, those this package sets, and
// those that the metadata services of clouds take for a password.
var ours = map[string]bool{
	"Host": true, "Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
	"Content-Length": true, "Content-Encoding": true, "Accept-Encoding": true, "Range": true, "If-Range": true,
	"If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "Referer": true,
	"Forwarded": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Real-Ip": true,
	"Metadata": true, "Metadata-Flavor": true, "X-Google-Metadata-Request": true, "X-Aws-Ec2-Metadata-Token": true,
	"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": true, "X-Metadata-Token": true,
}

// isToken reports whether s is the name of a header field (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
