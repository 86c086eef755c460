package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"rehome"
)

// byLibrary is what encoding/json makes of a value, printable.
func byLibrary(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(rehome.AppendPrintable(nil, bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
}

// TestEncodeAsTheLibrary: what is written here is byte for byte what encoding/json writes, made printable.
func TestEncodeAsTheLibrary(t *testing.T) {
	type status string
	for _, v := range []any{
		nil, true, false, 0, -1, math.MaxInt, int64(math.MinInt64), int32(7), uint8(7), 1.5, 1e21, "", "plain", "<a href=\"x\">&amp;</a>", "back\\slash", "a\x00b\n\t\x7f",
		"ä€😀", "\u009b\u202e", "\u2028\u2029", "not\xffUTF-8", status("typed"),
		[]byte{0, 1},
		[]string{},
		[]string(nil),
		[]*Object{},
		[]*Object(nil), (*Object)(nil),
		map[string]any{"b": 1, "a": "<"},
		json.RawMessage(`{"b" : 1}`),
		struct {
			A string `json:"a"`
		}{"<"},
	} {
		want := byLibrary(t, v)
		if got := string(Must(Encode(v))); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		o, whole := New("k", v, "list", []*Object{New("k", v), nil}), `{"k":`+want+`,"list":[{"k":`+want+`},null]}`
		if got := string(Must(Encode(o))); got != whole || got != byLibrary(t, o) {
			t.Errorf("in an object:\ngot  %s\nwant %s", got, whole)
		}
	}
	for _, key := range []string{"", "a\"b", "ä", "<"} {
		if got, want := string(Must(Encode(New(key, 1)))), "{"+byLibrary(t, key)+":1}"; got != want {
			t.Errorf("key %q: %s, want %s", key, got, want)
		}
	}
}

func TestEncodeOfWhatHasNoForm(t *testing.T) {
	for _, v := range []any{math.NaN(), New("k", math.Inf(1)), []*Object{New("k", func() {})}} {
		if text, err := Encode(v); err == nil {
			t.Errorf("%v: %s", v, text)
		}
	}
}

// TestEncodeIsCheap: polled objects cost a buffer, and what it grows by.
func TestEncodeIsCheap(t *testing.T) {
	o := New("text", "value", "number", int64(7), "null", nil, "yes", true, "inner", New("url", "https://new.example/"))
	if n := testing.AllocsPerRun(100, func() { Must(Encode(o)) }); n > 1 {
		t.Errorf("%v allocations, want one", n)
	}
}

func FuzzEncodeText(f *testing.F) {
	f.Add("plain")
	f.Add("\"\\\x00\xff<\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := string(Must(Encode(New(text, text)))), "{"+byLibrary(t, text)+":"+byLibrary(t, text)+"}"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
