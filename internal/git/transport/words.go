package transport

import (
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
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

// longName is the length from which a user name may be a token.
const longName = 16

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
	if bare == "" || strings.EqualFold(bare, http.StatusText(resp.StatusCode)) || RepeatsSecret(s.at, string(data)) {
		return ""
	}
	return fmt.Sprintf(": %q", words)
}

// RepeatsSecret reports whether the text holds a secret that the server was sent, in one of the spellings it may
// have found it in. A user name is one where it stands without a password, and where it is as long as a token. To SSH
// it is none.
func RepeatsSecret(l remote.Location, text string) bool {
	name, password := l.Username, string(l.Password)
	if !signsIn(l) || l.SSH() && password == "" {
		return false
	}
	secrets := []string{name + ":" + password}
	if password != "" {
		secrets = append(secrets, password)
	}
	if !l.SSH() && (password == "" || len(name) >= longName) {
		secrets = append(secrets, name)
	}
	clean := rehome.Clean(text, len(text))
	for _, one := range secrets {
		encoded := base64.StdEncoding.EncodeToString([]byte(one))
		for _, spelt := range []string{
			one, rehome.Clean(one, len(one)), url.QueryEscape(one), url.PathEscape(one),
			strings.TrimRight(encoded, "="), base64.RawURLEncoding.EncodeToString([]byte(one)),
		} {
			if spelt != "" && (strings.Contains(text, spelt) || strings.Contains(clean, spelt)) {
				return true
			}
		}
	}
	return false
}
