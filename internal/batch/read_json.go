package batch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"rehome"
)

// maxLine bounds a line of JSON, bytes.
const maxLine = 1 << 20

// readJSON reads an object a line. Empty lines are passed over.
func (b *book) readJSON(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		b.line++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if b.full() {
			return nil
		}
		if row, good := b.object(text); good {
			b.take(row)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		b.fault(b.line+1, fmt.Sprintf("it is longer than %d bytes", maxLine))
		return nil
	}
	return lines.Err()
}

// object reads one line.
func (b *book) object(text []byte) (Row, bool) {
	row := Row{Line: b.line, Flags: map[string][]string{}}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		b.fault(b.line, "it is no JSON object")
		return row, false
	}
	seen, good := map[string]bool{}, true
	for d.More() {
		name, err := d.Token()
		var value any
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			b.fault(b.line, "it is no JSON object")
			return row, false
		}
		key := strings.ToLower(name.(string))
		if err := b.key(&row, key, value, seen); err != nil {
			b.fault(b.line, err.Error())
			good = false
		}
	}
	if _, err := d.Token(); err != nil || d.InputOffset() != int64(len(text)) {
		b.fault(b.line, "it is no JSON object, or goes on behind it")
		return row, false
	}
	return row, good
}

// key takes one member of an object.
func (b *book) key(row *Row, name string, value any, seen map[string]bool) error {
	if err := b.column(name); err != nil {
		return err
	}
	if seen[name] {
		return fmt.Errorf("%s is there twice", rehome.Clean(name, 100))
	}
	seen[name] = true
	values, ok := texts(value)
	if !ok {
		return fmt.Errorf("what stands under %s is no text, number, true or false, nor a list of texts", rehome.Clean(name, 100))
	}
	address := map[string]*string{"source": &row.Source, "destination": &row.Destination}[name]
	switch {
	case len(values) == 0:
	case address == nil:
		row.Flags[name] = values
	case len(values) > 1:
		return fmt.Errorf("there is more than one %s", name)
	default:
		*address = values[0]
	}
	return nil
}

// texts are the values of a member; null, empty texts and empty lists are none.
func texts(value any) (all []string, ok bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case string:
		if v == "" {
			return nil, true
		}
		return []string{v}, true
	case json.Number:
		return []string{v.String()}, true
	case bool:
		return []string{fmt.Sprint(v)}, true
	case []any:
		for _, one := range v {
			text, isText := one.(string)
			if !isText {
				return nil, false
			}
			all = append(all, text)
		}
		return all, true
	}
	return nil, false
}
