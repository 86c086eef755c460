package lfs_test

import (
	"strings"
	"testing"

	"rehome/internal/lfs"
)

// FuzzParsePointer wants of whatever is a pointer that its canonical form says the same.
func FuzzParsePointer(f *testing.F) {
	for blob := range blobs {
		f.Add([]byte(blob))
	}
	f.Fuzz(func(t *testing.T, blob []byte) {
		o, ok := lfs.ParsePointer(blob)
		if !ok {
			return
		}
		if len(blob) >= lfs.MaxPointer || o.Size < 0 || !strings.Contains(string(blob), o.OID.String()) {
			t.Errorf("%q was read as %v", blob, o)
		}
		if o.Size == 0 {
			return
		}
		if back, ok := lfs.ParsePointer(lfs.AppendPointer(nil, o)); !ok || back != o {
			t.Errorf("%v came back as %v, %t", o, back, ok)
		}
	})
}
