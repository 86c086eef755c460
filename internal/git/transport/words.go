package transport

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"rehome"
	"rehome/internal/remote"
)

// maxWords bounds what is shown of a server's own words, in bytes, and maxRead what is read for it.
const (
	maxWords = 200
	maxRead  = 4 << 10
)

// said returns the server's own words for its refusal as `: "words"`: the first line of a plain text. "" for
// none, and for such that say no more than the status or repeat what nobody else may read.
func (s *site) said(resp *http.Response) string {
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" {
		return ""
	}
	timer := time.AfterFunc(s.t.o.Words, func() { resp.Body.Close() })
	defer timer.Stop()
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxRead)) //nolint:errcheck // what came is enough
	line, _, _ := strings.Cut(strings.TrimLeft(string(data), " \t\r\n"), "\n")
	words := rehome.Clean(line, maxWords)
	code := fmt.Sprint(resp.StatusCode)
	bare := strings.TrimSpace(strings.TrimPrefix(strings.TrimSuffix(words, "."), code))
	if bare == "" || strings.EqualFold(bare, http.StatusText(resp.StatusCode)) || remote.RepeatsSecret(s.at, string(data)) {
		return ""
	}
	return fmt.Sprintf(": %q", words)
}
