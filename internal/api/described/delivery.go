package described

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CheckDelivery says where a webhook's delivery is not as described; nil when it is. Headers that begin with X- are described, all of them.
func (d *Description) CheckDelivery(header http.Header, body []byte) error {
	event := header.Get("X-GitHub-Event")
	told := d.top().child("webhooks").child(event).child("post")
	if told.value == nil {
		return fmt.Errorf("the event %q is not described", event)
	}
	var all error
	var known []string
	parameters := told.child("parameters")
	for _, n := range parameters.keys() {
		p := parameters.child(n)
		name := p.text("name")
		known = append(known, http.CanonicalHeaderKey(name))
		all = errors.Join(all, d.checkHeader(name, header.Values(name), p))
	}
	for name := range header {
		if strings.HasPrefix(name, "X-") && !slices.Contains(known, name) {
			all = errors.Join(all, fmt.Errorf("the header %s is not described", name))
		}
	}
	if err := d.checkPayload(header, body, told.child("requestBody").child("content")); err != nil {
		all = errors.Join(all, fmt.Errorf("the payload: %w: %.2000s", err, body))
	}
	if all != nil {
		return fmt.Errorf("delivery of %s: %w", event, all)
	}
	return nil
}

// checkPayload holds a body against its content type's schema, and what is in a form against that of JSON.
func (d *Description) checkPayload(header http.Header, body []byte, content node) error {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if content.child(kind).value == nil {
		return fmt.Errorf("the content type %q is not described", kind)
	}
	if kind == "application/x-www-form-urlencoded" {
		fields, err := url.ParseQuery(string(body))
		if err != nil {
			return err
		}
		if len(fields) != 1 || len(fields["payload"]) != 1 {
			return fmt.Errorf("the form has %d fields, want payload", len(fields))
		}
		kind, body = "application/json", []byte(fields.Get("payload"))
	}
	return d.checkBody(body, kind, content.child(kind))
}
