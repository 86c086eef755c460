package object

import (
	"bytes"
	"errors"
	"strconv"
)

// ParseLoose takes an inflated loose object apart: "type size\0", then that many bytes,
// which the result shares.
func ParseLoose(b []byte) (Type, []byte, error) {
	head, body, ok := bytes.Cut(b, []byte{0})
	name, size, ok2 := bytes.Cut(head, []byte{' '})
	if !ok || !ok2 {
		return 0, nil, errors.New("loose object without a header")
	}
	t, err := ParseType(string(name))
	if err != nil {
		return 0, nil, err
	}
	if n, err := strconv.ParseInt(string(size), 10, 64); err != nil || n != int64(len(body)) {
		return 0, nil, errors.New("loose object of another size than it says")
	}
	return t, body, nil
}
