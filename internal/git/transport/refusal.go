package transport

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/remote"
)

// refusal says what a status other than 200 means.
func (s *site) refusal(resp *http.Response) error {
	code, peer := resp.StatusCode, the(s.q.Peer)
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return s.credentials(resp)
	case code == http.StatusTooManyRequests || code >= 500:
		return &rehome.Error{Code: rehome.Unreachable, Message: fmt.Sprintf("%s answers with status %d%s.", begin(peer), code, s.said(resp)), Hint: "Try again later."}
	case code == http.StatusRequestEntityTooLarge && s.q.Peer == Destination:
		return &rehome.Error{
			Code: rehome.SourceCutOff, Message: fmt.Sprintf("%s does not take so much at once (status 413)%s.", begin(peer), s.said(resp)),
			Hint: "Send less at a time ({push_limit}), or ask whoever runs it to raise the limit.", Err: ErrTooLarge,
		}
	case code == http.StatusRequestEntityTooLarge:
		return &rehome.Error{Code: rehome.SourceCutOff, Message: begin(peer) + " does not take a request for so many refs (status 413).", Err: ErrTooLarge}
	case code >= 300 && code < 400:
		return NotARepository(fmt.Sprintf("it redirects what may not be redirected (status %d)", code))
	}
	return NotARepository(fmt.Sprintf("the server answers with status %d", code))
}

// giveCredentials is the hint that any credentials that may do this would cure it.
func (s *site) giveCredentials() string {
	if s.q.Peer == Destination {
		return remote.GiveWriter
	}
	return remote.GiveCredentials
}

// credentials says what is wrong with those that were sent, or that there were none: they
// stay behind when a redirect leads to another origin.
func (s *site) credentials(resp *http.Response) error {
	e := &rehome.Error{Code: rehome.CredentialsWanted, Hint: s.giveCredentials()}
	code, said, peer := resp.StatusCode, s.said(resp), begin(the(s.q.Peer))
	switch {
	case resp.Request.Header.Get("Authorization") != "":
		e.Code = rehome.CredentialsRefused
		e.Message = fmt.Sprintf("%s refuses the user name and password (status %d)%s.", peer, code, said)
		e.Hint = "Check them; many forges want an access token in place of the password."
		if code == http.StatusForbidden && s.q.Peer == Destination {
			e.Hint = "Give a password or token that may write to this repository; a token may lack the scope for it."
		}
	case signsIn(s.at):
		e.Message = fmt.Sprintf("%s leads to another address, which wants a user name and password%s.", peer, said)
		e.Hint = fmt.Sprintf("Yours were not passed on. If you trust %s, give that address.", rehome.Clean(leadsTo(resp.Request.URL), maxText))
	case !egress.SameOrigin(s.at.URL, resp.Request.URL):
		e.Message = fmt.Sprintf("%s leads to another address, %s, which refuses this (status %d)%s.", peer, rehome.Clean(leadsTo(resp.Request.URL), maxText), code, said)
	case said == "" && code == http.StatusUnauthorized:
		e.Message = peer + " wants a user name and password; many forges also do where there is no repository."
	case code == http.StatusForbidden:
		e.Message = fmt.Sprintf("%s refuses this (status %d)%s.", peer, code, said)
	default:
		e.Message = fmt.Sprintf("%s wants a user name and password (status %d)%s. Many forges also do where there is no repository.", peer, code, said)
	}
	return e
}

// leadsTo returns the address of the repository that a request went to, without its query.
func leadsTo(u *url.URL) string {
	at := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/info/refs")}
	return at.String()
}
