package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// document is a JSON object whose keys stand in the order they were added, as the
// contract wants them. A key is there or not; its value may be nil for null.
type document struct {
	fields []field
}

type field struct {
	key   string
	value any
}

// add appends keys and values by turns.
func (o *document) add(pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		o.fields = append(o.fields, field{pairs[i].(string), pairs[i+1]})
	}
}

// fieldsOf starts an object with keys and values by turns.
func fieldsOf(pairs ...any) *document {
	o := &document{}
	o.add(pairs...)
	return o
}

// MarshalJSON writes the fields in their order.
func (o *document) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		for _, part := range []any{f.key, f.value} {
			text, err := encode(part)
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

// encode is json.Marshal that leaves <, > and & as they are, as GitHub does.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// must is for encoding documents, which hold nothing that JSON has no form for.
func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// stamp gives a time as GitHub writes it, null for the zero time.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// textOrNull gives s, null when it is empty.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// numberOrNull gives n, null when it is negative, which means unknown.
func numberOrNull[T int | int64](n T) any {
	if n < 0 {
		return nil
	}
	return n
}
