package verify

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
)

func sealed(text string) []byte {
	return fmt.Appendf([]byte(text[:len(text)-1]), `, "sha256": "%x"}`, sha256.Sum256([]byte(text)))
}

func TestReadReceipt(t *testing.T) {
	good := sealed(`{"receipt":1,"import":"a","refs":[{"name":"refs/heads/main"}],"lfs":{"missing":[]}}`)
	r, err := ReadReceipt(bytes.NewReader(append(good, '\n')))
	if err != nil || r.Head.Import != "a" || len(r.Refs.Refs) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	for _, bad := range [][]byte{
		nil, []byte("{}"), bytes.Replace(good, []byte("main"), []byte("mail"), 1), good[:len(good)-2], sealed(`{"receipt":2}`), []byte(`{"receipt":1}`),
	} {
		if r, err := ReadReceipt(bytes.NewReader(bad)); err == nil {
			t.Errorf("took %q: %+v", bad, r)
		}
	}
}

func FuzzReadReceipt(f *testing.F) {
	f.Add(sealed(`{"receipt":1,"refs":[{"name":"refs/heads/main","name_bytes":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := ReadReceipt(bytes.NewReader(text)); err == nil && r.Head.Format != 1 {
			t.Fatalf("took %q", text)
		}
	})
}

func FuzzOtherLines(f *testing.F) {
	f.Add([]byte("tree 1\nauthor A <a> 1 +0\ngpgsig x\n y\n\nmessage deadbeef\nSigned-off-by: A <a>\n"), 40)
	f.Fuzz(func(t *testing.T, raw []byte, at int) {
		at = max(0, min(at, len(raw)))
		if what := otherLines(raw, raw, at, at); what != "" {
			t.Fatalf("%q differs from itself: %s", raw, what)
		}
	})
}
