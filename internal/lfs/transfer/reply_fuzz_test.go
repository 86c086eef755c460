package transfer

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"rehome"
	"rehome/internal/lfs"
)

func shown(words string) string { return (&peer{}).shown(words, nil) }

func FuzzDecodeReply(f *testing.F) {
	asked := []lfs.Object{{OID: lfs.OID{1}, Size: 1}, {OID: lfs.OID{2}, Size: 2}}
	one := asked[0].OID.String()
	for _, s := range []string{
		``, `{}`, `{"objects":null}`, `[]`, `{"transfer":"basic","hash_algo":"sha256","objects":[]}`, `{"objects":[{"oid":"` + one + `"}]}`,
		`{"objects":[{"oid":"` + one + `","actions":{"download":{"href":"http://h/1","header":{"X-A":"b"}}}}]}`,
		`{"objects":[{"oid":"` + one + `","error":{"code":404,"message":"no\u0007"}}]}`,
		`{"objects":[{"oid":"` + one + `","size":7,"error":{}},{"oid":"` + one + `"}]}`,
		`{"objects":[{"oid":"` + one + `","actions":{"upload":{"href":"http://h/1","expires_in":9},"verify":{"href":"https://h/v","header":{"Host":"x","transfer-encoding":"chunked"},"expires_at":"2026-01-01T00:00:00Z"}}}]}`,
		`{"objects":[{"oid":"` + one + `","actions":{"download":{"href":"http://h/1","header":{"X-A":"b\r\n"}}}}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, operation := range []string{forDownload, forUpload} {
			answers, err := decodeReply(data, asked, question{operation: operation, ours: time.Unix(1, 0), theirs: time.Unix(2, 0), shown: shown})
			if err != nil {
				continue
			}
			if len(answers) != len(asked) {
				t.Fatalf("%d answers", len(answers))
			}
			for i, a := range answers {
				checkAnswer(t, operation, a, asked[i])
			}
		}
	})
}

func checkAnswer(t *testing.T, operation string, a answer, asked lfs.Object) {
	t.Helper()
	if a.object != asked || len(a.text) > maxText+10 || strings.ContainsFunc(a.text, func(r rune) bool { return r < 0x20 }) {
		t.Errorf("answer %+v", a)
	}
	if a.text != "" && a.link != nil || a.verify != nil && (a.link == nil || operation != forUpload) || a.code != 0 && a.text == "" {
		t.Errorf("answer %+v", a)
	}
	for _, l := range []*link{a.link, a.verify} {
		if l == nil {
			continue
		}
		r, err := http.NewRequest(http.MethodGet, l.href.String(), nil)
		if err != nil || l.href.User != nil || l.href.Scheme != "http" && l.href.Scheme != "https" {
			t.Errorf("link %v: %v", l.href, err)
			continue
		}
		r.Header = l.header
		r.Header.Set("User-Agent", "x")
		var out strings.Builder
		if err := r.Write(&out); err != nil || strings.Count(out.String(), "\n") != len(r.Header)+3 {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}

// FuzzWords: what a server says is wrong becomes a line that can be shown.
func FuzzWords(f *testing.F) {
	f.Add("application/vnd.git-lfs+json", []byte(`{"message":"no\r\n"}`))
	f.Add("application/xml", []byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>`))
	f.Add("text/plain", []byte("413 too large\nsecond"))
	f.Add("text/html", []byte("<html>"))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		why := &statement{413, rehome.Clean(words(kind, data), maxText)}
		if text := why.Error() + remedy(why); len(text) > 8*maxText || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 }) {
			t.Errorf("%q", text)
		}
	})
}
