package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"rehome"
)

// Scan is told what a receipt has, in its order.
type Scan struct {
	Ref     func(at int64) // a ref that was carried begins at or after that byte
	RefsEnd func(at int64) // the last of those ends there
	Skipped func(rehome.SkippedRef)
	Warning func(rehome.Warning)
	Removed func(path string) // of a large file that left history; bytes that are no UTF-8 are replaced
	Missing func(rehome.MissingLFS)
}

// Short is what a receipt says beside its lists.
type Short struct {
	rehome.ReceiptHead
	Authors    rehome.ReceiptAuthors    `json:"authors"`
	LargeFiles rehome.ReceiptLargeFiles `json:"large_files"` // without paths
	LFS        rehome.ReceiptLFS        `json:"lfs"`         // without what is missing
	Sum        string                   `json:"sha256"`
}

// ScanReceipt reads a receipt as ReadReceipt does, and holds no more of it than its text: a receipt may have a million refs.
func ScanReceipt(text []byte, s Scan) (*Short, error) {
	r := receiptScan{json.NewDecoder(bytes.NewReader(text)), s, map[string]bool{}, map[string]json.RawMessage{}}
	if err := r.object(); err != nil {
		return nil, fmt.Errorf("it is no receipt: %w", err)
	}
	short := &Short{}
	beside, err := json.Marshal(r.beside)
	if err == nil {
		err = json.Unmarshal(beside, short)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("it is no receipt: %w", err)
	case short.Format != 1:
		return nil, errors.New("it is no receipt that this version knows")
	}
	return short, checkSum(bytes.TrimSpace(text), short.Sum)
}

// RefsIn reads refs that were carried from a part of a receipt's text, between two places that a Scan was told.
func RefsIn(part []byte) (refs []rehome.ReceiptRef, err error) {
	list := append([]byte{'['}, bytes.Trim(part, ", \t\r\n")...)
	if err := json.Unmarshal(append(list, ']'), &refs); err != nil {
		return nil, fmt.Errorf("read a part of a receipt: %w", err)
	}
	return refs, nil
}

// receiptScan is a scan under way.
type receiptScan struct {
	*json.Decoder
	tell   Scan
	seen   map[string]bool            // keys
	beside map[string]json.RawMessage // what is short, by its keys
}

func (r *receiptScan) object() error {
	if err := r.delim('{'); err != nil {
		return err
	}
	for r.More() {
		key, err := r.Token()
		if err == nil {
			err = r.field(key.(string)) // Decoder takes nothing else for one
		}
		if err != nil {
			return err
		}
	}
	return r.delim('}')
}

func (r *receiptScan) field(key string) error {
	if r.seen[key] {
		return fmt.Errorf("it has two %q", rehome.Clean(key, 100))
	}
	r.seen[key] = true
	switch key {
	case "refs":
		var end int64
		err := r.list(func() error {
			r.tell.Ref(r.InputOffset())
			err := r.Decode(&passed{})
			end = r.InputOffset()
			return err
		})
		r.tell.RefsEnd(end)
		return err
	case "skipped_refs":
		return listOf(r, r.tell.Skipped)
	case "warnings":
		return listOf(r, r.tell.Warning)
	case "large_files":
		return r.inside(key, map[string]func() error{"removed_paths": func() error { return listOf(r, r.tell.Removed) }, "removed_paths_bytes": r.skip})
	case "lfs":
		return r.inside(key, map[string]func() error{"missing": func() error { return listOf(r, r.tell.Missing) }})
	case "replaced_refs":
		return r.skip()
	}
	var value json.RawMessage
	err := r.Decode(&value)
	r.beside[key] = value
	return err
}

// inside reads an object, or null, below a key: its long fields as it is said of each, the others to what is short.
func (r *receiptScan) inside(key string, long map[string]func() error) error {
	begin, err := r.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('{') {
		return fmt.Errorf("%v where an object belongs", begin)
	}
	short := map[string]json.RawMessage{}
	for seen := map[string]bool{}; r.More(); {
		token, err := r.Token()
		if err != nil {
			return err
		}
		field, value := token.(string), json.RawMessage{} // Decoder takes nothing else for a key
		if seen[field] {
			return fmt.Errorf("it has two %q", rehome.Clean(field, 100))
		}
		seen[field] = true
		if read := long[field]; read != nil {
			err = read()
		} else {
			err = r.Decode(&value)
			short[field] = value
		}
		if err != nil {
			return err
		}
	}
	if r.beside[key], err = json.Marshal(short); err != nil {
		return err
	}
	return r.delim('}')
}

// passed is a short value that nobody asks for.
type passed struct{}

func (*passed) UnmarshalJSON([]byte) error { return nil }

func listOf[T any](r *receiptScan, tell func(T)) error {
	return r.list(func() error {
		var one T
		err := r.Decode(&one)
		if err == nil {
			tell(one)
		}
		return err
	})
}

// list reads a list, or null, each element by a call of one.
func (r *receiptScan) list(one func() error) error {
	begin, err := r.Token()
	if err != nil || begin == nil {
		return err
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("%v is no list", begin)
	}
	for r.More() {
		if err := one(); err != nil {
			return err
		}
	}
	return r.delim(']')
}

// skip passes over a value, which may be long.
func (r *receiptScan) skip() error {
	for depth := 0; ; {
		token, err := r.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (r *receiptScan) delim(want json.Delim) error {
	token, err := r.Token()
	if err == nil && token != want {
		return fmt.Errorf("%v where %v belongs", token, want)
	}
	return err
}
