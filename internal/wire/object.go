// Package wire writes the API's objects: JSON with the keys clients know, in their order, and URLs on a base.
package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
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
func (o *Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, part := range []any{f.key, f.value} {
			text, err := Encode(part)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", f.key, err)
			}
			b.Write(text)
			b.WriteByte(':')
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Encode is json.Marshal that leaves <, > and & as they are, as GitHub does.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
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
