package rehome_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"rehome"
)

func TestAppendPrintable(t *testing.T) {
	for _, text := range []string{
		"plain", "ü € \uFFFD 日本", "\x1b]0;x\x07\r\n\x00\x7f", "\u009b31m\u0085", "\u202egnp\u2066\u200f\u061c", "\u200b\ufeff\u00ad", "\U000e0041 \U0001f600 \u2028",
	} {
		in, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		out := rehome.AppendPrintable([]byte("x"), in)
		for _, r := range string(out) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q: %U is left in %s", text, r, out)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(out[1:], &back); err != nil || out[0] != 'x' || back[text] != text {
			t.Errorf("%q: %v, %s", text, err, out)
		}
	}
	if got := string(rehome.AppendPrintable(nil, []byte("{\"a\": \"b\xff\"}\n"))); got != `{"a": "b\ufffd"}`+"\n" {
		t.Errorf("got %q", got)
	}
	if got := string(rehome.AppendPrintable(nil, []byte("\xc2"))); !strings.HasPrefix(got, `\u`) {
		t.Errorf("half a letter: %q", got)
	}
}
