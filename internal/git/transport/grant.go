package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// The operations of a Grant.
const (
	Download = "download"
	Upload   = "upload"
)

// What a grant may hold, at most; honest ones have one header.
const (
	maxGrant   = 64 << 10 // bytes
	maxHeaders = 16
)

// Grant is the right to Git LFS objects that a server gives over SSH (git-lfs docs/api/server-discovery.md).
type Grant struct {
	Endpoint *url.URL    // of the LFS API
	Header   http.Header // to be sent there, and nowhere else; it holds secrets
}

// LFSGrant asks the server of l, over SSH, for the right to an operation on the Git LFS objects of its repository.
// The peer in errors is the destination for Upload, else the source. A server that cannot be reached is tried again (Retry). Errors are as Open's, and of LFSMissing where the
// server has no such right to give.
func (t *Transport) LFSGrant(ctx context.Context, l remote.Location, operation string) (Grant, error) {
	q := Question{Service: protocol.UploadPack, Peer: Source}.filled()
	if operation == Upload {
		q.Service, q.Peer = protocol.ReceivePack, Destination
	}
	var g Grant
	err := t.Retry(ctx, l, q.Peer, func() (err error) {
		g, err = t.lfsGrant(ctx, l, operation, q)
		return err
	})
	return g, err
}

func (t *Transport) lfsGrant(ctx context.Context, l remote.Location, operation string, q Question) (Grant, error) {
	path, err := pathOf(l)
	if err != nil {
		return Grant{}, err
	}
	if operation != Download && operation != Upload {
		return Grant{}, fmt.Errorf("git lfs operation %q", operation)
	}
	c, err := t.run(ctx, l, q, "git-lfs-authenticate "+quote(path)+" "+operation, "")
	if err != nil {
		return Grant{}, err
	}
	timer := time.AfterFunc(min(q.Silence, t.o.Patience), c.drop) // for all of it: it is one line
	text, err := io.ReadAll(io.LimitReader(c.raw, maxGrant+1))
	if !timer.Stop() {
		err = late(l.URL.Host, errors.Join(context.DeadlineExceeded, err))
	}
	said := c.Close()
	switch {
	case err != nil:
		return Grant{}, err
	case len(text) > 0:
		return parseGrant(text, l, q.Peer)
	case said != nil:
		err := refusedBy(said.Error(), q)
		if rehome.CodeOf(err) == rehome.CredentialsRefused {
			return Grant{}, err
		}
		return Grant{}, noGrant(q.Peer, fmt.Sprintf("it says %q", said), err)
	}
	return Grant{}, noGrant(q.Peer, "it says nothing", nil)
}

func noGrant(peer, why string, err error) error {
	return &rehome.Error{
		Code: rehome.LFSMissing, Message: fmt.Sprintf("%s gives no right to Git LFS objects over SSH: %s.", begin(the(peer)), why),
		Hint: "If it serves Git LFS, give its https URL.", Err: err,
	}
}

// parseGrant reads the answer of git-lfs-authenticate. One without href is for the place that goes without saying.
func parseGrant(text []byte, l remote.Location, peer string) (Grant, error) {
	var said struct {
		Href   string            `json:"href"`
		Header map[string]string `json:"header"`
	}
	if len(text) > maxGrant || json.Unmarshal(text, &said) != nil {
		return Grant{}, noGrant(peer, "its answer is none", nil) // which may hold a secret
	}
	if len(said.Header) > maxHeaders {
		return Grant{}, noGrant(peer, "its answer has too many headers", nil)
	}
	at, err := parseHref(said.Href, l)
	if err != nil {
		return Grant{}, noGrant(peer, err.Error(), nil)
	}
	h, err := egress.ForeignHeader(said.Header)
	if err != nil {
		return Grant{}, noGrant(peer, "a header in its answer is none", nil)
	}
	return Grant{Endpoint: at, Header: h}, nil
}

func parseHref(href string, l remote.Location) (*url.URL, error) {
	if href == "" {
		return l.LFS(), nil
	}
	u, err := url.Parse(href)
	if err != nil || len(href) > remote.MaxURL || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Opaque != "" || hasControl(href) {
		return nil, errors.New("the address in its answer is none")
	}
	u.Fragment, u.RawFragment = "", ""
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	return u, nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
