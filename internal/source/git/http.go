package git

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// gzipOver is the size of a request from which it is worth compressing, as in git.
const gzipOver = 1024

// site is a smart HTTP server (gitprotocol-http). It fills conversation.
type site struct {
	git  *Git
	at   remote.Location // where it was found, redirects followed; credentials only while they may go there
	ad   protocol.Advertisement
	body io.ReadCloser // of the answer being read; nil when there is none
}

func (s *site) advertisement() protocol.Advertisement { return s.ad }

// discover asks for the refs at l and checks that a Git server answers.
func (g *Git) discover(ctx context.Context, l remote.Location, q question) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	s := &site{git: g, at: l}
	r, err := s.request(ctx, http.MethodGet, "/info/refs?service="+string(protocol.UploadPack), nil, 2)
	if err != nil {
		return nil, err
	}
	resp, err := s.send(r, "application/x-git-upload-pack-advertisement", q.silence)
	if err != nil {
		return nil, err
	}
	if err := s.move(resp.Request.URL); err != nil {
		s.close()
		return nil, err
	}
	in := protocol.NewReader(resp.Body)
	if err = protocol.ReadService(in, protocol.UploadPack); err == nil {
		s.ad, err = protocol.ReadAdvertisement(in, q.limits())
	}
	if err != nil {
		s.close()
		return nil, err
	}
	s.finish()
	return s, nil
}

// move follows the redirects discovery took: later requests go where they led, without
// the credentials when that is another origin.
func (s *site) move(to *url.URL) error {
	path, ok := strings.CutSuffix(to.Path, "/info/refs")
	if !ok {
		return notARepository("it redirects to something else")
	}
	base := url.URL{Scheme: to.Scheme, Host: to.Host, Path: path, RawPath: strings.TrimSuffix(to.RawPath, "/info/refs")}
	if !egress.SameOrigin(s.at.URL, &base) {
		s.at.Username, s.at.Password = "", ""
	}
	s.at.URL = &base
	return nil
}

// ask implements conversation.
func (s *site) ask(ctx context.Context, encode func(io.Writer) error, silence time.Duration) (*protocol.Reader, error) {
	var body bytes.Buffer
	if err := encode(&body); err != nil {
		return nil, err
	}
	packed := body.Len() > gzipOver
	if packed {
		body = compress(body.Bytes())
	}
	r, err := s.request(ctx, http.MethodPost, "/"+string(protocol.UploadPack), &body, s.ad.Version)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	if packed {
		r.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := s.send(r, "application/x-git-upload-pack-result", silence)
	if err != nil {
		return nil, err
	}
	return protocol.NewReader(resp.Body), nil
}

func compress(b []byte) bytes.Buffer {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out
}

// request makes a request for tail below the repository, in protocol version version.
func (s *site) request(ctx context.Context, method, tail string, body *bytes.Buffer, version int) (*http.Request, error) {
	target := strings.TrimSuffix(s.at.URL.String(), "/") + tail
	var content io.Reader
	if body != nil {
		content = body
	}
	r, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, notARepository("the address cannot be asked")
	}
	r.Header.Set("User-Agent", s.git.agent)
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Pragma", "no-cache")
	if version > 0 {
		r.Header.Set("Git-Protocol", fmt.Sprintf("version=%d", version))
	}
	if s.signsIn() {
		r.SetBasicAuth(s.at.Username, string(s.at.Password))
	}
	return r, nil
}

func (s *site) signsIn() bool { return s.at.Username != "" || s.at.Password != "" }

// send sends r and checks that the answer is what was asked for, and begins within silence unless that is 0. Its
// body becomes the site's current one.
func (s *site) send(r *http.Request, contentType string, silence time.Duration) (resp *http.Response, err error) {
	if silence > 0 {
		resp, err = s.git.client.DoWithin(r, silence)
	} else {
		resp, err = s.git.client.Do(r)
	}
	if err != nil {
		return nil, err
	}
	s.body = resp.Body
	if err := s.check(resp, contentType); err != nil {
		s.close()
		return nil, err
	}
	return resp, nil
}

func (s *site) check(resp *http.Response, want string) error {
	if resp.StatusCode != http.StatusOK {
		return s.refusal(resp)
	}
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return notARepository("the answer does not say what it is")
	case got == "text/plain" && resp.Request.Method == http.MethodGet:
		return notARepository("it is plain text; if this is a repository, it is served by the old \"dumb\" protocol only")
	case got != want:
		return notARepository(fmt.Sprintf("it is %q", rehome.Clean(got, maxText)))
	case resp.Header.Get("Content-Encoding") != "":
		return notARepository("the answer is compressed, which was not asked for")
	}
	return nil
}

// refusal says what a status other than 200 means.
func (s *site) refusal(resp *http.Response) error {
	code := resp.StatusCode
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return s.credentials(resp)
	case code == http.StatusTooManyRequests || code >= 500:
		return &rehome.Error{Code: rehome.Unreachable, Message: fmt.Sprintf("The source answers with status %d%s.", code, s.said(resp)), Hint: "Try again later."}
	case code == http.StatusRequestEntityTooLarge:
		return &rehome.Error{Code: rehome.SourceCutOff, Message: "The source does not take a request for so many refs (status 413)."}
	}
	return notARepository(fmt.Sprintf("the server answers with status %d", code))
}

// credentials says what is wrong with those that were sent, or that there were none: they
// stay behind when a redirect leads to another origin.
func (s *site) credentials(resp *http.Response) error {
	sent := resp.Request.Header.Get("Authorization") != ""
	e := &rehome.Error{Code: rehome.CredentialsWanted}
	code, said := resp.StatusCode, s.said(resp)
	switch {
	case sent:
		e.Code = rehome.CredentialsRefused
		e.Message = fmt.Sprintf("The source refuses the user name and password (status %d)%s.", code, said)
		e.Hint = "Check them; many forges want an access token in place of the password."
	case s.signsIn():
		e.Message = fmt.Sprintf("The source leads to another address, which wants a user name and password%s.", said)
		e.Hint = fmt.Sprintf("Yours were not passed on. If you trust %s, give that address.", rehome.Clean(leadsTo(resp.Request.URL), maxText))
	case said == "":
		e.Message = "The source wants a user name and password; many forges also do where there is no repository."
		e.Hint = source.GiveCredentials
	case code == http.StatusForbidden:
		e.Message, e.Hint = fmt.Sprintf("The source refuses this (status %d)%s.", code, said), source.GiveCredentials
	default:
		e.Message = fmt.Sprintf("The source wants a user name and password (status %d)%s. Many forges also do where there is no repository.", code, said)
		e.Hint = source.GiveCredentials
	}
	return e
}

// leadsTo returns the address of the repository that a request went to, without its query.
func leadsTo(u *url.URL) string {
	at := url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, "/info/refs")}
	return at.String()
}

// finish implements conversation. It reads on to the end, so that the connection can be used again.
func (s *site) finish() {
	if s.body != nil {
		io.CopyN(io.Discard, s.body, 1)
	}
	s.close()
}

// close implements conversation.
func (s *site) close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
