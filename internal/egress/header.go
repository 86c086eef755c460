package egress

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// ErrHeader says that what a server wants sent is no header.
var ErrHeader = errors.New("a header is none")

// ForeignHeader returns the headers that a server wants sent to a place it names. Those that no server decides on are
// left out; the error is ErrHeader.
func ForeignHeader(said map[string]string) (http.Header, error) {
	h := http.Header{}
	for name, value := range said {
		if !isToken(name) || !isValue(value) {
			return nil, ErrHeader
		}
		if name = textproto.CanonicalMIMEHeaderKey(name); !ours[name] {
			h.Set(name, value)
		}
	}
	return h, nil
}

// ours are headers that no server decides on: those of the connection, those that say who asks and for which part, and
// those that the metadata services of clouds take for a password.
var ours = map[string]bool{
	"Host": true, "Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Proxy-Authorization": true,
	"Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
	"Content-Length": true, "Content-Encoding": true, "Accept-Encoding": true, "Range": true, "If-Range": true,
	"If-Match": true, "If-None-Match": true, "If-Modified-Since": true, "If-Unmodified-Since": true, "Referer": true,
	"Forwarded": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Real-Ip": true,
	"Metadata": true, "Metadata-Flavor": true, "X-Google-Metadata-Request": true, "X-Aws-Ec2-Metadata-Token": true,
	"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": true, "X-Metadata-Token": true,
}

// isValue reports whether s can be the value of a header field.
func isValue(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f })
}

// isToken reports whether s is the name of a header field (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= 0x20 || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}
