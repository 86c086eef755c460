package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// dumpLine is one row on its way into a dump.
type dumpLine struct {
	values []any
	places []any // pointers to values
}

func newDumpLine(columns int) *dumpLine {
	l := &dumpLine{values: make([]any, columns), places: make([]any, columns)}
	for n := range l.values {
		l.places[n] = &l.values[n]
	}
	return l
}

// names writes the first line.
func (l *dumpLine) names(to io.Writer, columns []string) error {
	return writeLine(to, columns)
}

func (l *dumpLine) write(to io.Writer) error {
	for n, v := range l.values {
		portable, err := dumped(v)
		if err != nil {
			return err
		}
		l.values[n] = portable
	}
	return writeLine(to, l.values)
}

func writeLine(to io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err == nil {
		_, err = to.Write(append(text, '\n'))
	}
	return err
}

// blob is bytes in a dump; oddText is text that is not UTF-8, as SQLite takes it.
type (
	blob    struct{ Blob string }
	oddText struct{ Text string }
)

// MarshalJSON names what it is.
func (b blob) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{"bytes": b.Blob}) }

// MarshalJSON names what it is.
func (t oddText) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"text": t.Text})
}

// dumped is a value as a dump has it.
func dumped(v any) (any, error) {
	switch v := v.(type) {
	case nil, int64, bool:
		return v, nil
	case string:
		if utf8.ValidString(v) {
			return v, nil
		}
		return oddText{base64.StdEncoding.EncodeToString([]byte(v))}, nil
	case []byte:
		return blob{base64.StdEncoding.EncodeToString(v)}, nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be dumped", v)
}

// column is one column of a table that a dump is loaded into.
type column struct {
	name string
	kind string // int, bool, text or bytes
}

// kindOf tells from the type that a column was declared with.
func kindOf(declared string) string {
	switch declared = strings.ToUpper(declared); {
	case strings.Contains(declared, "BOOL"):
		return "bool"
	case declared == "BLOB", declared == "BYTEA":
		return "bytes"
	case strings.Contains(declared, "TEXT"), strings.Contains(declared, "CHAR"):
		return "text"
	}
	return "int"
}

// loaded is the inverse of dumped, for a column that may be of another kind than the one it came from: a boolean of one engine
// is a number in the other, and so on.
func (d *dialect) loaded(v any, c column) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case bool:
		if c.kind == "int" {
			return map[bool]int64{false: 0, true: 1}[v], nil
		}
		return v, nil
	case json.Number:
		n, err := v.Int64()
		if c.kind == "bool" {
			return n != 0, err
		}
		return n, err
	case string:
		if c.kind == "bytes" {
			return []byte(v), nil
		}
		return v, nil
	case map[string]any:
		return d.loadedBytes(v, c)
	}
	return nil, fmt.Errorf("column %s: a dump has no values of type %T", c.name, v)
}

func (d *dialect) loadedBytes(v map[string]any, c column) (any, error) {
	text, isText := v["text"].(string)
	coded, isBytes := v["bytes"].(string)
	if isText == isBytes || len(v) != 1 {
		return nil, fmt.Errorf("column %s: bytes are written in another way", c.name)
	}
	raw, err := base64.StdEncoding.DecodeString(text + coded)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", c.name, err)
	}
	if isText && c.kind != "bytes" || !d.alike() && c.kind == "text" {
		return string(raw), nil
	}
	return append([]byte{}, raw...), nil // not nil, which would be NULL
}
