// Package wire writes the API's objects: JSON with the keys clients know, in their order, and URLs on a base.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"rehome"
)

// Object is a JSON object whose keys stand in the order they were added, as the
// contract wants them. A key is there or not; its value may be nil for null.
type Object struct {
	fields []field
}

type field struct {
	key   string
	value any
}

// Add appends keys and values by turns.
func (o *Object) Add(pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		o.fields = append(o.fields, field{pairs[i].(string), pairs[i+1]})
	}
}

// New starts an object with keys and values by turns.
func New(pairs ...any) *Object {
	o := &Object{}
	o.Add(pairs...)
	return o
}

// MarshalJSON writes the fields in their order.
func (o *Object) MarshalJSON() ([]byte, error) { return o.append(nil) }

func (o *Object) append(b []byte) ([]byte, error) {
	var err error
	b = append(b, '{')
	for i, f := range o.fields {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendText(b, f.key); err != nil {
			return nil, err
		}
		if b, err = appendValue(append(b, ':'), f.value); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.key, err)
		}
	}
	return append(b, '}'), nil
}

// Encode is json.Marshal that leaves <, > and & as they are, as GitHub does, and escapes what is not to be shown.
func Encode(v any) ([]byte, error) { return appendValue(make([]byte, 0, 1024), v) }

// appendValue writes what objects are mostly made of by itself: clients ask for the same ones again and again.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case string:
		return appendText(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	case int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(b, v, 10), nil
	case *Object:
		if v != nil {
			return v.append(b)
		}
	case []*Object:
		if v != nil {
			return appendList(b, v)
		}
	}
	return appendAny(b, v)
}

func appendList(b []byte, list []*Object) ([]byte, error) {
	var err error
	b = append(b, '[')
	for i, o := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, o); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendText writes text that JSON takes as it is, and leaves what has to be escaped to encoding/json.
func appendText(b []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendAny(b, text)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"'), nil
}

func appendAny(b []byte, v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return rehome.AppendPrintable(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

// Must is for encoding objects, which hold nothing that JSON has no form for.
func Must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// Stamp gives a time as GitHub writes it, null for the zero time.
func Stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// TextOrNull gives s, null when it is empty.
func TextOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// NumberOrNull gives n, null when it is negative, which means unknown.
func NumberOrNull[T int | int64](n T) any {
	if n < 0 {
		return nil
	}
	return n
}
