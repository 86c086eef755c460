package remote

import (
	"encoding/base64"
	"net/url"
	"strings"

	"rehome"
)

// longName is the length from which a user name may be a token.
const longName = 16

// RepeatsSecret reports whether the text, of a server, holds a secret of l, in one of the spellings it may
// have found it in. A user name is one where it stands without a password, and where it is as long as a token. To SSH
// it is none.
func RepeatsSecret(l Location, text string) bool {
	name, password := l.Username, string(l.Password)
	if name == "" && password == "" || l.SSH() && password == "" {
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
