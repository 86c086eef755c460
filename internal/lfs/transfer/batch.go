package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"rehome/internal/egress"
	"rehome/internal/lfs"
)

const (
	mediaType = "application/vnd.git-lfs+json"
	maxWords  = 64 << 10
	maxText   = 300 // bytes of a server's words that are shown
	maxHops   = 5   // redirects of a batch
)

// The operations of a batch.
const (
	forDownload = "download"
	forUpload   = "upload"
)

// request is what a batch asks (git-lfs docs/api/batch.md, "Requests").
type request struct {
	Operation string          `json:"operation"`
	Transfers []string        `json:"transfers"`
	Objects   []requestObject `json:"objects"`
	Ref       *requestRef     `json:"ref,omitempty"`
	Hash      string          `json:"hash_algo"`
}

// requestRef is the ref that objects are for, by its full name.
type requestRef struct {
	Name string `json:"name"`
}

type requestObject struct {
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// batch asks for objects until there is an answer. A server without them is a *lackError, one that refuses the
// question a *refusedError.
func (p *peer) batch(ctx context.Context, objects []lfs.Object) ([]answer, error) {
	for try := 0; ; try++ {
		answers, err := p.askBatch(ctx, objects)
		var later *laterError
		if !errors.As(err, &later) {
			return answers, err
		}
		if err := p.again(ctx, try, later); err != nil {
			return nil, err
		}
	}
}

// maxReply is how many bytes an answer for n objects may have: signed links have one or two thousand each. What
// such an answer decodes to takes some ten times as many, and there is one for each line.
func maxReply(n int) int64 { return 64<<10 + int64(n)*(32<<10) }

// askBatch sends one batch.
func (p *peer) askBatch(ctx context.Context, objects []lfs.Object) ([]answer, error) {
	ask := request{Operation: p.operation, Transfers: []string{"basic"}, Hash: "sha256"}
	if p.Ref != "" {
		ask.Ref = &requestRef{p.Ref}
	}
	for _, o := range objects {
		ask.Objects = append(ask.Objects, requestObject{OID: o.OID.String(), Size: o.Size})
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, fmt.Errorf("encode batch: %w", err)
	}
	bounded, cancel := context.WithTimeout(ctx, p.bounds.batch)
	defer cancel()
	asked := p.now()
	resp, err := p.post(bounded, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := p.check(resp); err != nil {
		return nil, err
	}
	limit := maxReply(len(objects))
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &laterError{err: p.cutOff("stopped sending in the middle of a list", err)}
	case int64(len(data)) > limit:
		return nil, &lackError{fmt.Errorf("its answer has more than %d bytes", limit)}
	}
	answers, err := decodeReply(data, objects, question{p.operation, asked, dateOf(resp.Header), func(words string) string { return p.shown(words, nil) }})
	if err != nil {
		return nil, &lackError{err}
	}
	return answers, nil
}

// post sends a batch.
func (p *peer) post(ctx context.Context, body []byte) (*http.Response, error) {
	at := *p.Endpoint
	at.Path = strings.TrimSuffix(at.Path, "/") + "/objects/batch"
	at.RawPath = ""
	if p.Endpoint.RawPath != "" {
		at.RawPath = strings.TrimSuffix(p.Endpoint.RawPath, "/") + "/objects/batch"
	}
	return p.travel(&at, false, func(to *url.URL, strayed bool) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
		if err != nil {
			return nil, &lackError{errors.New("its address cannot be asked")}
		}
		if !strayed {
			if p.signsIn() {
				r.SetBasicAuth(p.Username, string(p.Password))
			}
			maps.Copy(r.Header, p.Header)
		}
		r.Header.Set("User-Agent", p.Agent)
		r.Header.Set("Accept", mediaType)
		r.Header.Set("Content-Type", mediaType)
		return r, nil
	})
}

// travel sends what ask makes to where redirects lead, as git-lfs does: a repository that moved is asked at
// its new place. ask learns whether the way has been to another origin, where no credentials may go. at is a
// link, or where batches are answered.
func (p *peer) travel(at *url.URL, link bool, ask func(to *url.URL, strayed bool) (*http.Request, error)) (*http.Response, error) {
	to, strayed := at, false
	for range maxHops + 1 {
		strayed = strayed || !egress.SameOrigin(at, to)
		r, err := ask(to, strayed)
		if err != nil {
			return nil, err
		}
		resp, err := p.Client.Do(r)
		if err != nil {
			return nil, p.unreached(to, link, err)
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

// ask begins a request to a link. Credentials go to the endpoint's origin only.
func (p *peer) ask(ctx context.Context, method string, l *link, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, l.href.String(), body)
	if err != nil {
		return nil, &lackError{errors.New("the link to it is no URL")}
	}
	maps.Copy(r.Header, l.header)
	r.Header.Set("User-Agent", p.Agent)
	if p.signsIn() && !l.authenticated && r.Header.Get("Authorization") == "" && egress.SameOrigin(p.Endpoint, l.href) {
		r.SetBasicAuth(p.Username, string(p.Password))
	}
	return r, nil
}

func (p *peer) signsIn() bool { return p.Username != "" || p.Password != "" }
