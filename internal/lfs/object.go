// Package lfs keeps Git LFS objects by their SHA-256 and reads and writes the pointers that stand for them in Git.
package lfs

import (
	"encoding/hex"
	"fmt"
)

// OID is the SHA-256 of an object's bytes.
type OID [32]byte

// ParseOID reads 64 lower-case hex digits.
func ParseOID(text string) (OID, error) {
	var o OID
	if len(text) != 2*len(o) {
		return o, fmt.Errorf("LFS object id of %d characters", len(text))
	}
	for i := range len(text) {
		if c := text[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return o, fmt.Errorf("LFS object id %q is not lower-case hex", text)
		}
	}
	_, err := hex.Decode(o[:], []byte(text))
	return o, err
}

// String returns 64 lower-case hex digits.
func (o OID) String() string { return hex.EncodeToString(o[:]) }

func (o OID) appendHex(b []byte) []byte { return hex.AppendEncode(b, o[:]) }

// Object names an object: its SHA-256 and its size in bytes.
type Object struct {
	OID  OID
	Size int64
}
