package egress

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForeignHeader(t *testing.T) {
	for _, c := range []struct {
		said map[string]string
		want http.Header // nil: none
	}{
		{nil, http.Header{}},
		{map[string]string{"authorization": "Basic x", "x-amz-date": "1"}, http.Header{"Authorization": {"Basic x"}, "X-Amz-Date": {"1"}}},
		{map[string]string{"host": "h", "transfer-encoding": "chunked", "TE": "x", "range": "bytes=0-", "metadata-flavor": "Google"}, http.Header{}},
		{map[string]string{"X-aws-ec2-metadata-token": "x", "X-Forwarded-For": "127.0.0.1", "proxy-authorization": "x"}, http.Header{}},
		{map[string]string{"": "x"}, nil},
		{map[string]string{"a b": "x"}, nil},
		{map[string]string{"a:b": "x"}, nil},
		{map[string]string{"a\r\nb": "x"}, nil},
		{map[string]string{"\u00e4": "x"}, nil},
		{map[string]string{"a": "x\r\nHost: h"}, nil},
		{map[string]string{"a": "x\x00"}, nil},
	} {
		got, err := ForeignHeader(c.said)
		if !cmp.Equal(got, c.want) || (c.want == nil) != errors.Is(err, ErrHeader) {
			t.Errorf("%q: %v, %v", c.said, got, err)
		}
	}
}

func FuzzForeignHeader(f *testing.F) {
	f.Add("Authorization", "Basic x")
	f.Add("a\r\n", "\x00")
	f.Fuzz(func(t *testing.T, name, value string) {
		h, err := ForeignHeader(map[string]string{name: value})
		if err != nil {
			return
		}
		var b strings.Builder
		if err := h.Write(&b); err != nil || strings.Count(b.String(), "\n") != len(h) {
			t.Errorf("%q: %q became %q, %v", name, value, b.String(), err)
		}
	})
}
