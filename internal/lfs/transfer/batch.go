package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/lfs"
)

const (
	mediaType = "application/vnd.git-lfs+json"
	maxWords  = 64 << 10
	maxText   = 300 // bytes of a server's words that are shown
	maxHops   = 5   // redirects of a batch
)

// request is what a batch asks (git-lfs docs/api/batch.md, "Requests").
type request struct {
	Operation string          `json:"operation"`
	Transfers []string        `json:"transfers"`
	Objects   []requestObject `json:"objects"`
	Hash      string          `json:"hash_algo"`
}

type requestObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// batch asks for objects until there is an answer. A server without them is a *lackError, one that refuses the
// question a *refusedError.
func (d *download) batch(ctx context.Context, objects []lfs.Object) ([]answer, error) {
	for try := 0; ; try++ {
		answers, err := d.ask(ctx, objects)
		var later *laterError
		if !errors.As(err, &later) {
			return answers, err
		}
		if err := d.again(ctx, try, later); err != nil {
			return nil, err
		}
	}
}

// maxReply is how many bytes an answer for n objects may have: signed links have one or two thousand each. What
// such an answer decodes to takes some ten times as many, and there is one for each line.
func maxReply(n int) int64 { return 64<<10 + int64(n)*(32<<10) }

// ask sends one batch.
func (d *download) ask(ctx context.Context, objects []lfs.Object) ([]answer, error) {
	ask := request{Operation: "download", Transfers: []string{"basic"}, Hash: "sha256"}
	for _, o := range objects {
		ask.Objects = append(ask.Objects, requestObject{OID: o.OID.String(), Size: o.Size})
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, d.bounds.batch)
	defer cancel()
	resp, err := d.post(bounded, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := d.check(resp); err != nil {
		return nil, err
	}
	limit := maxReply(len(objects))
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &laterError{err: d.cutOff("in the middle of a list", err)}
	case int64(len(data)) > limit:
		return nil, &lackError{fmt.Errorf("its answer has more than %d bytes", limit)}
	}
	answers, err := decodeReply(data, objects)
	if err != nil {
		return nil, &lackError{err}
	}
	return answers, nil
}

// post sends a batch, to where redirects lead, as git-lfs does: a repository that moved is asked at
// its new place. The credentials stay behind when that is another origin.
func (d *download) post(ctx context.Context, body []byte) (*http.Response, error) {
	at := *d.Endpoint
	at.Path = strings.TrimSuffix(at.Path, "/") + "/objects/batch"
	at.RawPath = ""
	if d.Endpoint.RawPath != "" {
		at.RawPath = strings.TrimSuffix(d.Endpoint.RawPath, "/") + "/objects/batch"
	}
	to, strayed := &at, false
	for range maxHops + 1 {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
		if err != nil {
			return nil, &lackError{errors.New("its address cannot be asked")}
		}
		r.Header.Set("User-Agent", d.Agent)
		r.Header.Set("Accept", mediaType)
		r.Header.Set("Content-Type", mediaType)
		if strayed = strayed || !egress.SameOrigin(d.Endpoint, to); !strayed && d.signsIn() {
			r.SetBasicAuth(d.Username, string(d.Password))
		}
		resp, err := d.Client.Do(r)
		if err != nil {
			return nil, d.unreached(to, false, err)
		}
		next, err := redirect(resp)
		if err != nil || next == nil {
			return resp, err
		}
		to = next
	}
	return nil, &lackError{errors.New("it redirects too often")}
}

// redirect returns where resp, then closed, leads; nil when it is no redirect.
func redirect(resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	from := resp.Request.URL
	if err != nil || to.User != nil || to.Scheme != from.Scheme && to.Scheme != "https" {
		return nil, &lackError{errors.New("it redirects to what may not be asked")}
	}
	return to, nil
}

func (d *download) signsIn() bool { return d.Username != "" || d.Password != "" }

// check says what an answer to a batch other than a list means.
func (d *download) check(resp *http.Response) error {
	code := resp.StatusCode
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case code == http.StatusOK && (kind == mediaType || kind == "application/json"):
		return nil
	case code == http.StatusOK:
		return &lackError{fmt.Errorf("it does not offer Git LFS: the answer is %q", rehome.Clean(kind, maxText))}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return d.credentials(resp)
	case code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return d.busy(resp)
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return &refusedError{lackError{said(resp)}, code == http.StatusRequestEntityTooLarge}
	}
	return &lackError{said(resp)}
}

// busy is for answers that another try may change, but for those that say that there is no room or no bandwidth left.
func (d *download) busy(resp *http.Response) error {
	err := &rehome.Error{
		Code: rehome.Unreachable, Message: fmt.Sprintf("The %s answers with status %d.", d.name(), resp.StatusCode),
		Hint: "Try again later.", Err: said(resp),
	}
	if resp.StatusCode == http.StatusInsufficientStorage || resp.StatusCode == 509 {
		return err
	}
	return &laterError{err: err, after: retryAfter(resp.Header)}
}

// credentials says what is wrong with those that were sent, or that there were none.
func (d *download) credentials(resp *http.Response) error {
	sent := resp.Request.Header.Get("Authorization") != ""
	host := rehome.Clean(resp.Request.URL.Host, maxText)
	e := &rehome.Error{Code: rehome.CredentialsWanted, Err: said(resp)}
	switch {
	case sent:
		e.Code = rehome.CredentialsRefused
		e.Message = fmt.Sprintf("The source's Git LFS server refuses the user name and password (status %d).", resp.StatusCode)
		e.Hint = "Check them; they may be good for reading history only."
	case d.Foreign, d.signsIn():
		e.Message = fmt.Sprintf("The Git LFS server of the source is at %s, which wants a user name and password of its own.", host)
		e.Hint = "Those of the source are not passed on to another address."
	default:
		e.Message, e.Hint = "The source's Git LFS server wants a user name and password.", "Give those of somebody who may read it."
	}
	if d.Foreign && !sent {
		return &lackError{e}
	}
	return e
}

// said is a server's own words for an error (git-lfs docs/api/batch.md, "Response Errors"), or its status.
func said(resp *http.Response) error {
	var words struct {
		Message string `json:"message"`
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if strings.HasSuffix(kind, "json") {
		data, err := io.ReadAll(io.LimitReader(resp.Body, maxWords))
		if err == nil && json.Unmarshal(data, &words) == nil && words.Message != "" {
			return fmt.Errorf("it answers with status %d: %q", resp.StatusCode, rehome.Clean(words.Message, maxText))
		}
	}
	return fmt.Errorf("it answers with status %d", resp.StatusCode)
}

func (d *download) cutOff(where string, err error) error {
	return &rehome.Error{
		Code: rehome.SourceCutOff, Message: fmt.Sprintf("The %s stopped sending %s.", d.name(), where),
		Hint: "Try again; what came whole is kept.", Err: err,
	}
}
