package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

const adminToken = "rht_the-administrator-of-tests-00000000"

// client asks the API, as long as it takes until somebody answers. Safe for concurrent use.
type client struct {
	base string
	http *http.Client
}

func newClient(address string) *client {
	return &client{base: "http://" + address, http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
}

type answer struct {
	code int
	body []byte
}

func (c *client) once(ctx context.Context, method, path, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "token "+adminToken)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		if !strings.ContainsAny(body[:1], "[{") {
			r.Header.Set("Content-Type", "text/plain")
		}
	}
	got, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	return answer{got.StatusCode, text}, err
}

// call asks until the answer has one of the codes. A server that is not there, or has no database or space for a moment, is
// asked again: each request may have been heard, so those that are sent have to bear that.
func (c *client) call(ctx context.Context, method, path, body string, codes ...int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var last error
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		got, err := c.once(ctx, method, path, body)
		switch {
		case err == nil && slices.Contains(codes, got.code):
			return got.body, nil
		case err == nil && got.code < 500 && got.code != http.StatusTooManyRequests:
			return got.body, fmt.Errorf("%s %s %s: %d, want %d: %s", method, path, body, got.code, codes, got.body)
		case err == nil:
			err = fmt.Errorf("%d: %s", got.code, got.body)
		}
		if ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%s %s: nobody answers", method, path), last, err)
		}
		last = err
		time.Sleep(wait)
	}
}

// imported is what the API says of an import.
type imported struct {
	Status     string
	StatusText string `json:"status_text"`
	Message    string
	FailedStep string `json:"failed_step"`
}

// importOf returns the import of a repository; ok is false when there is none.
func (c *client) importOf(ctx context.Context, name string) (i imported, ok bool, err error) {
	text, err := c.call(ctx, "GET", "/repos/admin/"+name+"/import", "", http.StatusOK, http.StatusNotFound)
	if err == nil {
		err = json.Unmarshal(text, &i)
	}
	return i, i.Status != "404", err
}

// delivery is one that was made or will be.
type delivery struct {
	ID         int64
	GUID       string
	Event      string
	Status     string
	StatusCode int `json:"status_code"`
	Redelivery bool
}

// deliveries returns those of a webhook, the newest first.
func (c *client) deliveries(ctx context.Context, name string, hook int64) (all []delivery, err error) {
	text, err := c.call(ctx, "GET", fmt.Sprintf("/repos/admin/%s/hooks/%d/deliveries?per_page=100", name, hook), "", http.StatusOK)
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}
