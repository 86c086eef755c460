package described

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Exchange is a request and its answer.
type Exchange struct {
	Request *http.Request // its Body is not read
	Sent    []byte
	Answer  *http.Response // its Body is not read
	Body    []byte
	Stream  bool // the body is still to come, and not looked at
}

// Check says where an exchange is not as described; nil when it is. Where nothing is described
// the answer has to say so. Git's paths are not looked at.
func (d *Description) Check(x Exchange) error {
	path := x.Request.URL.EscapedPath()
	if IsGit(path) {
		return nil
	}
	err := d.check(x, path)
	if err != nil {
		return fmt.Errorf("%s %s, status %d: %w", x.Request.Method, path, x.Answer.StatusCode, err)
	}
	return nil
}

func (d *Description) check(x Exchange, path string) error {
	status := strconv.Itoa(x.Answer.StatusCode)
	operation, found := d.find(x.Request.Method, path)
	responses := operation.at.child("responses")
	switch {
	case x.Request.Method == http.MethodOptions:
		responses = d.top().child("x-rehome-preflight")
	case !found:
		responses = d.top().child("x-rehome-otherwise")
	}
	response := responses.child(status)
	if response.value == nil {
		return fmt.Errorf("this status is not described, only %s; body %.300s", strings.Join(responses.keys(), ", "), x.Body)
	}
	err := d.checkAnswer(x, response)
	switch {
	case x.Answer.StatusCode < 300:
		err = errors.Join(err, d.checkSent(x, operation))
	case x.Answer.StatusCode == http.StatusNotModified:
		err = errors.Join(err, checkKnown(x))
	}
	return err
}

// checkKnown wants a 304 to be about what the client said it has.
func checkKnown(x Exchange) error {
	tag := strings.TrimPrefix(x.Answer.Header.Get("ETag"), "W/")
	known := strings.Join(x.Request.Header.Values("If-None-Match"), ", ")
	if known != "*" && (tag == "" || !strings.Contains(known, tag)) {
		return fmt.Errorf("the client has %q, this is about %q", known, tag)
	}
	return nil
}

// checkSent holds the body of a request that was taken against its description.
func (d *Description) checkSent(x Exchange, o Operation) error {
	body := o.at.child("requestBody")
	switch sent := len(bytes.TrimSpace(x.Sent)) > 0; {
	case body.value == nil:
		return nil // what is sent along is not read
	case !sent && body.is("required"):
		return errors.New("it was taken without a body, which is required")
	case !sent:
		return nil
	}
	content := body.child("content")
	kinds := content.keys()
	if kind, _, err := mime.ParseMediaType(x.Request.Header.Get("Content-Type")); err == nil && content.child(kind).value != nil {
		kinds = []string{kind}
	}
	var all error // whatever clients call it, it has to be one of those described
	for _, kind := range kinds {
		err := d.checkBody(x.Sent, kind, content.child(kind))
		if err == nil {
			return nil
		}
		all = errors.Join(all, err)
	}
	return fmt.Errorf("the body that was taken: %w: %.300s", all, x.Sent)
}

func (d *Description) checkAnswer(x Exchange, response node) error {
	err := d.checkHeaders(x.Answer.Header, response.child("headers"))
	kind, _, wrong := mime.ParseMediaType(x.Answer.Header.Get("Content-Type"))
	content := response.child("content")
	switch {
	case content.value == nil && (len(x.Body) > 0 || wrong == nil):
		return errors.Join(err, fmt.Errorf("no body is described: %q, %.300s", kind, x.Body))
	case content.value == nil:
		return err
	case content.child(kind).value == nil:
		return errors.Join(err, fmt.Errorf("the content type %q is not described", kind))
	case x.Stream, x.Request.Method == http.MethodHead:
		return err
	}
	if wrong := d.checkBody(x.Body, kind, content.child(kind)); wrong != nil {
		err = errors.Join(err, fmt.Errorf("the body: %w: %.2000s", wrong, x.Body))
	}
	return err
}

func (d *Description) checkBody(body []byte, kind string, media node) error {
	schema, err := d.schema(media.child("schema"))
	if err != nil {
		return err
	}
	var value any = string(body)
	if kind == "application/json" {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return err
		}
		err = checkKeys(json.NewDecoder(bytes.NewReader(body)))
	}
	return errors.Join(err, schema.Validate(value))
}

// checkKeys wants each key of an object once; which of two a client sees is left to its library.
func checkKeys(text *json.Decoder) error {
	opening, err := text.Token()
	if err != nil || opening != json.Delim('{') && opening != json.Delim('[') {
		return err
	}
	known := map[json.Token]bool{}
	for text.More() {
		if opening == json.Delim('{') {
			key, err := text.Token()
			if err != nil {
				return err
			}
			if known[key] {
				return fmt.Errorf("the key %q is there twice", key)
			}
			known[key] = true
		}
		if err := checkKeys(text); err != nil {
			return err
		}
	}
	_, err = text.Token()
	return err
}

// carriers are headers of HTTP itself.
var carriers = []string{"Connection", "Content-Length", "Content-Type", "Date", "Transfer-Encoding"}

// checkHeaders wants the headers that are described, those of every answer among them, and no others.
func (d *Description) checkHeaders(have http.Header, described node) error {
	var all error
	known := slices.Clone(carriers)
	for _, list := range []node{described, d.top().child("x-rehome-headers")} {
		for _, name := range list.keys() {
			known = append(known, http.CanonicalHeaderKey(name))
			all = errors.Join(all, d.checkHeader(name, have.Values(name), list.child(name)))
		}
	}
	for name := range have {
		if !slices.Contains(known, name) {
			all = errors.Join(all, fmt.Errorf("the header %s is not described", name))
		}
	}
	return all
}

// checkHeader wants a header as it is described, once at most.
func (d *Description) checkHeader(name string, values []string, header node) error {
	switch {
	case len(values) == 0 && header.is("required"):
		return fmt.Errorf("the header %s is missing", name)
	case len(values) == 0:
		return nil
	case len(values) > 1:
		return fmt.Errorf("the header %s is there %d times", name, len(values))
	}
	text := values[0]
	schema, err := d.schema(header.child("schema"))
	if err != nil {
		return err
	}
	err = schema.Validate(text)
	if number, wrong := strconv.Atoi(text); err != nil && wrong == nil {
		err = schema.Validate(number)
	}
	if err != nil {
		return fmt.Errorf("the header %s is %q: %w", name, text, err)
	}
	return nil
}

// IsGit reports whether an escaped path is of Git's or Git LFS' own protocols.
func IsGit(path string) bool {
	return strings.Contains(path, "/info/lfs/") || strings.HasSuffix(path, "/info/refs") || strings.HasSuffix(path, "/git-upload-pack") || strings.HasSuffix(path, "/git-receive-pack")
}
