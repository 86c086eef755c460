package verify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome"
)

// scanned is a receipt as a scan tells of it, its refs read from parts of two.
func scanned(text []byte) (r rehome.Receipt, err error) {
	var at []int64
	n := 0
	var removed []string
	var missing []rehome.MissingLFS
	short, err := ScanReceipt(text, Scan{
		Ref: func(begin int64) {
			if n%2 == 0 {
				at = append(at, begin)
			}
			n++
		},
		RefsEnd: func(end int64) { at = append(at, end) },
		Skipped: func(s rehome.SkippedRef) { r.Refs.Skipped = append(r.Refs.Skipped, s) },
		Warning: func(w rehome.Warning) { r.Body.Warnings = append(r.Body.Warnings, w) },
		Removed: func(path string) { removed = append(removed, path) },
		Missing: func(o rehome.MissingLFS) { missing = append(missing, o) },
	})
	if err != nil {
		return r, err
	}
	for part := 0; part+1 < len(at); part++ {
		refs, err := RefsIn(text[at[part]:at[part+1]])
		if err != nil {
			return r, err
		}
		r.Refs.Refs = append(r.Refs.Refs, refs...)
	}
	r.Head, r.Body.Authors, r.Body.LargeFiles, r.Body.LFS = short.ReceiptHead, short.Authors, short.LargeFiles, short.LFS
	r.Body.LargeFiles.Removed, r.Body.LFS.Missing = removed, missing
	return r, nil
}

// TestScanReceipt: a scan tells what reading the whole does.
func TestScanReceipt(t *testing.T) {
	var refs []string
	for n := range 7 {
		refs = append(refs, fmt.Sprintf(`{"name":"refs/heads/\"]},[{%d","source":"%040d","final":"a","destination":"b"}`, n, n))
	}
	for name, refs := range map[string]string{"none": "[]", "null": "null", "one": "[" + refs[0] + "]", "many": "[ " + strings.Join(refs, " , ") + " ]"} {
		text := sealed(`{"receipt":1,"import":"a","commits":7,"refs":` + refs + `,"skipped_refs":[{"name":"x","reason":"y"}],"replaced_refs":[{"name":"r"}],"authors":{"identities":3},` +
			`"large_files":{"over":5,"choice":"opt_out","objects":2,"bytes":70,"removed_paths":["a","b\ufffd"]},"lfs":{"carried":3,"missing":[{"oid":"1","size":4,"path":"p"},{"oid":"2"}],"bytes":9},"warnings":[{"kind":"k","count":2},{"kind":"l"}],"timing":{"raw_s":1}}`)
		want, err := ReadReceipt(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := scanned(append(text, '\n'))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got.Refs.Replaced, got.Body.Timing = want.Refs.Replaced, want.Body.Timing
		if diff := cmp.Diff(*want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: read and scanned differ:\n%s", name, diff)
		}
		for _, bad := range [][]byte{text[:len(text)-2], bytes.Replace(text, []byte(`"commits":7`), []byte(`"commits":8`), 1), bytes.Replace(text, []byte(`"x"`), []byte(`5`), 1)} {
			if _, err := scanned(bad); err == nil {
				t.Errorf("%s: took %q", name, bad)
			}
		}
	}
	for _, bad := range []string{"", "[]", "null", "{}", `{"receipt":1}`, `{"receipt":1,"refs":{}}`, `{"receipt":1,"refs":[}`, `{"receipt":1,"lfs":[[}`, string(sealed(`{"receipt":1,"lfs":[]}`)), string(sealed(`{"receipt":1,"large_files":{"over":1,"over":2}}`)), string(sealed(`{"receipt":1,"refs":[],"refs":[{}]}`))} {
		if _, err := scanned([]byte(bad)); err == nil {
			t.Errorf("took %q", bad)
		}
	}
}

// FuzzScanReceipt: whatever is no receipt is refused in peace.
func FuzzScanReceipt(f *testing.F) {
	f.Add(`{"receipt":1,"refs":[{"name":"a"},{"name":"b"},{"name":"c"}],"skipped_refs":null,"warnings":[]}`)
	f.Add(`{"reCeipt":1,"refs":[{}],"refs":[]}`)
	f.Add(`{"receipt":1,"refs":[{"name":"a"}],"refs":[{}],"lfs":{"missing":[[]]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 0 {
			text = string(sealed(text))
		}
		if r, err := scanned([]byte(text)); err == nil && r.Head.Format != 1 {
			t.Fatalf("took %q", text)
		}
	})
}
