package webhook

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"rehome"
)

// FuzzReply: whatever a receiver answers, what is kept is bounded, valid UTF-8 and, but for the body, fit to show.
func FuzzReply(f *testing.F) {
	f.Add(200, "X-A", "b", []byte("taken"), 1)
	f.Add(404, "Server", "\x1b[31m\u202e", []byte("\xff\xfe"), 1)
	f.Add(500, "\xff\r\n", strings.Repeat("\xff", 5000), []byte("a\xff"), 40000)
	f.Add(-1, "", "", []byte("…"), 30000)
	f.Fuzz(func(t *testing.T, code int, name, value string, body []byte, times int) {
		times = min(max(times, 0), 1<<17/(len(body)+1)+1)
		got := readReply(&http.Response{
			StatusCode: code,
			Header:     http.Header{name: {value, value}, name + "2": {value}, "Z": {"z"}},
			Body:       io.NopCloser(bytes.NewReader(bytes.Repeat(body, times))),
		})
		if got.answer.Code != code || got.answer.OK() != (got.answer.Text == "OK") {
			t.Errorf("answer: %+v", got.answer)
		}
		if len(got.body) > maxBody || !utf8.Valid(got.body) {
			t.Errorf("body of %d bytes, valid: %v", len(got.body), utf8.Valid(got.body))
		}
		size := 0
		for name, value := range got.header {
			size += len(name) + len(value)
			if fit := rehome.Clean(name, 1<<20) + rehome.Clean(value, 1<<20); fit != name+value {
				t.Errorf("%q: %q is not fit to show", name, value)
			}
		}
		if size > maxHeader {
			t.Errorf("%d bytes of headers", size)
		}
	})
}

func TestBodyIsCutBetweenCharacters(t *testing.T) {
	for lead := range 4 {
		whole := strings.Repeat("x", lead) + strings.Repeat("€", maxBody)
		got := readReply(&http.Response{Body: io.NopCloser(strings.NewReader(whole))}).body
		if len(got) <= maxBody-3 || !strings.HasPrefix(whole, string(got)) {
			t.Errorf("after %d bytes: %d bytes that end in %q", lead, len(got), got[len(got)-4:])
		}
	}
}
