package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"rehome"
)

// What is shown of keys that nobody asks for.
const (
	maxKey = 100 // bytes of each
	maxOdd = 10
)

// maxBody is the largest JSON body taken, in bytes.
const maxBody = 1 << 20

// form is a request's JSON object. Keys are looked at one by one, so that a wrong
// type can be told by name; keys nobody asks for are left alone.
type form struct {
	values   map[string]json.RawMessage
	resource string
	faults   []fieldError
}

// readForm reads the body as a JSON object. No body, and null, are an empty object.
func readForm(w http.ResponseWriter, r *http.Request, resource string) (*form, error) {
	body, err := readBody(w, r, maxBody)
	if err != nil {
		return nil, err
	}
	return parseForm(body, resource)
}

// readBody reads a body of at most limit bytes, in the time that hurry gave.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err == nil { // net/http goes on reading, to see when the client leaves: that may take longer
		http.NewResponseController(w).SetReadDeadline(time.Time{}) //nolint:errcheck // a writer without deadlines is a test's
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, bodyTooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errLateBody
	case err != nil: // cut off by the client, or not in the encoding it announced
		return nil, errBadJSON
	}
	return body, nil
}

func parseForm(body []byte, resource string) (*form, error) {
	f := &form{resource: resource}
	body = bytes.TrimSpace(body)
	if len(body) == 0 {
		return f, nil
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errBadJSON
	}
	if err := json.Unmarshal(body, &f.values); err != nil {
		return nil, errNoObject
	}
	return f, nil
}

// has reports whether key is there with a value that is not null.
func (f *form) has(key string) bool {
	raw, ok := f.values[key]
	return ok && string(raw) != "null"
}

// text returns the string under key, nil when there is none.
func (f *form) text(key string) *string { return read[string](f, key, "a string") }

// boolean returns the boolean under key, nil when there is none.
func (f *form) boolean(key string) *bool { return read[bool](f, key, "true or false") }

// texts returns the array of strings under key, nil when there is none.
func (f *form) texts(key string) *[]string {
	values := read[[]*string](f, key, "an array of strings")
	if values == nil {
		return nil
	}
	all := make([]string, 0, len(*values))
	for _, value := range *values {
		if value == nil {
			f.fault(key, "invalid", key+" is not an array of strings")
			return nil
		}
		all = append(all, *value)
	}
	return &all
}

func read[T any](f *form, key, kind string) *T {
	if !f.has(key) {
		return nil
	}
	var value T
	if err := json.Unmarshal(f.values[key], &value); err != nil {
		f.fault(key, "invalid", fmt.Sprintf("%s is not %s", key, kind))
		return nil
	}
	return &value
}

// required returns the string under key; that it is missing or empty is a fault.
func (f *form) required(key string) string {
	faults := len(f.faults)
	value := f.text(key)
	if len(f.faults) > faults {
		return ""
	}
	if value == nil || *value == "" {
		f.fault(key, "missing_field", key+" is missing")
		return ""
	}
	return *value
}

const notSupported = " is not supported by this version of Rehome"

// unsupported notes a fault for each key that asks for something this server does not do.
func (f *form) unsupported(keys ...string) {
	for _, key := range keys {
		switch string(f.values[key]) {
		case "", "null", "false", "0", `""`, "[]":
		default:
			f.fault(key, "unprocessable", key+notSupported)
		}
	}
}

// only notes a fault for each other key: a call that no client of the Source Imports API knows need not bear with what such
// clients send along, and a misspelt option would go unseen.
func (f *form) only(keys ...string) {
	odd := 0
	for _, key := range slices.Sorted(maps.Keys(f.values)) {
		if !slices.Contains(keys, key) {
			if odd++; odd > maxOdd {
				return
			}
			f.fault(rehome.Clean(key, maxKey), "invalid", rehome.Clean(key, maxKey)+" is none of "+strings.Join(keys, ", "))
		}
	}
}

func (f *form) fault(key, code, message string) {
	f.faults = append(f.faults, fieldError{Resource: f.resource, Field: key, Code: code, Message: message})
}

// err returns what was found wrong so far, nil when nothing was.
func (f *form) err() error {
	if len(f.faults) == 0 {
		return nil
	}
	return invalid(f.faults...)
}

// orEmpty gives what p points at, "" for nil.
func orEmpty(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
