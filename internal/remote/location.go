// Package remote says where a repository elsewhere is and how to sign in there.
package remote

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"rehome"
)

// GiveCredentials and GiveWriter are the Hints of a CredentialsWanted error that any credentials that may
// read, or write, would cure, so that whoever shows it can say how they are given there.
const (
	GiveCredentials = "Give the user name and password of somebody who may read it."
	GiveWriter      = "Give the user name and password, or an access token, of somebody who may write to it."
)

// MaxURL is the longest URL taken, in bytes.
const MaxURL = 8 << 10

// Location says where a repository is and how to sign in there. Exactly one of URL and Path is set.
type Location struct {
	URL      *url.URL // http, https, ssh or git, without password, query and fragment; a user stands in it with ssh only
	Home     bool     // with ssh: the path begins in the user's home, as in USER@HOST:PATH
	Path     string   // a repository on this machine; only the command line sets it
	Project  string   // which of several projects there, as source.Found names it; "" for none said
	Username string   // of ssh that of the URL
	Password rehome.Secret
	Key      rehome.Secret // private key for ssh, as OpenSSH writes it (PEM); "" for none
}

// String returns the URL or path, in the spelling that Parse took. It holds no credentials.
func (l Location) String() string {
	switch {
	case l.URL == nil:
		return l.Path
	case l.Home:
		return l.URL.User.Username() + "@" + l.URL.Host + ":" + strings.TrimPrefix(l.URL.Path, "/")
	}
	return l.URL.String()
}

// SSH reports whether the repository is reached over SSH.
func (l Location) SSH() bool { return l.URL != nil && l.URL.Scheme == "ssh" }

// HTTP reports whether the repository is reached over HTTP or HTTPS.
func (l Location) HTTP() bool {
	return l.URL != nil && (l.URL.Scheme == "http" || l.URL.Scheme == "https")
}

// Parse reads the URL of a repository: http, https, ssh, git, or USER@HOST:PATH for SSH.
// Userinfo in it becomes Username and Password; a fragment is dropped. Errors are *rehome.Error
// with Code Invalid and field as their Field, and never repeat the URL, which may hold a password.
func Parse(field, raw string) (Location, error) {
	l, why := parse(raw)
	if why == "" {
		why = l.checkWritten()
	}
	if why != "" {
		return Location{}, &rehome.Error{Code: rehome.Invalid, Field: field, Message: field + " " + why}
	}
	return l, nil
}

// checkWritten refuses what cannot be read again as it is written: rows and other programs have it so.
func (l Location) checkWritten() (why string) {
	text := l.URL.String()
	again, err := url.Parse(text)
	switch {
	case len(l.String()) > MaxURL: // escaped it has more bytes
		return tooLong
	case err != nil, again.String() != text:
		return "is not a URL"
	}
	return ""
}

func parse(raw string) (l Location, why string) {
	if why := checkRaw(raw); why != "" {
		return l, why
	}
	if u, ok := parseHome(raw); ok {
		l.URL, l.Home = u, !strings.HasPrefix(u.Path, "//")
		u.Path = "/" + strings.TrimLeft(u.Path, "/")
	} else if u, err := url.Parse(raw); err == nil {
		l.URL = u
	} else {
		return l, "is not a URL"
	}
	u := l.URL
	u.Scheme = schemeOf(u.Scheme)
	if why := checkURL(u); why != "" {
		return l, why
	}
	if u.User != nil {
		password, _ := u.User.Password()
		l.Username, l.Password = u.User.Username(), rehome.Secret(password)
		if why := faultOf(l.Username, l.Password); why != "" {
			return l, "has userinfo in which " + why
		}
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Scheme != "ssh" {
		u.User = nil
		return l, ""
	}
	return l, l.settleSSH()
}

// settleSSH checks what only SSH has, and keeps the user in the URL, of which it is a part there.
func (l *Location) settleSSH() (why string) {
	u := l.URL
	switch path := strings.TrimPrefix(u.Path, "/"); {
	case path == "":
		return "names no repository"
	case strings.HasPrefix(path, "-"), strings.HasPrefix(l.Username, "-"):
		return "has a user or path that begins with a dash"
	case strings.ContainsAny(l.Username, "@/ "):
		return "has a user name that is not one"
	}
	if u.User = nil; l.Username != "" {
		u.User = url.User(l.Username)
	}
	return ""
}

// schemeOf gives the spellings of ssh one name.
func schemeOf(scheme string) string {
	switch scheme {
	case "git+ssh", "ssh+git":
		return "ssh"
	}
	return scheme
}

// parseHome reads USER@HOST:PATH, which git takes for SSH.
func parseHome(raw string) (*url.URL, bool) {
	where, path := "", ""
	if at := strings.Index(raw, "@["); at >= 0 { // an IPv6 address has colons of its own
		end := strings.Index(raw[at:], "]:")
		if end < 0 {
			return nil, false
		}
		where, path = raw[:at+end+1], raw[at+end+2:]
	} else {
		where, path, _ = strings.Cut(raw, ":")
	}
	user, host, ok := strings.Cut(where, "@")
	if !ok || user == "" || host == "" || path == "" || strings.Contains(where, "/") {
		return nil, false
	}
	return &url.URL{Scheme: "ssh", User: url.User(user), Host: host, Path: "/" + path}, true
}

var tooLong = fmt.Sprintf("is longer than %d bytes", MaxURL)

func checkRaw(raw string) (why string) {
	switch {
	case raw == "":
		return "is missing"
	case len(raw) > MaxURL:
		return tooLong
	case raw[0] == '-':
		return "begins with a dash"
	case hasControl(raw):
		return "holds a control character"
	case strings.TrimSpace(raw) != raw:
		return "begins or ends with a space"
	}
	return ""
}

func checkURL(u *url.URL) (why string) {
	switch {
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "ssh" && u.Scheme != "git":
		return "must begin with https://, http://, ssh:// or git://, or be USER@HOST:PATH"
	case u.Opaque != "" || u.Hostname() == "":
		return "names no host"
	case strings.HasPrefix(u.Host, "-"):
		return "has a host that begins with a dash"
	case u.RawQuery != "" || u.ForceQuery:
		return "has a query, which a repository's URL does not"
	case hasControl(u.Path) || strings.ContainsFunc(u.Host, isForeign) || !utf8.ValidString(u.Host):
		return "holds a character that belongs into no address"
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return "has a port that is not one"
		}
	}
	return ""
}

// isForeign reports whether no name of a host, nor a port, has r. A host is written into files where, say, a comma or a
// star has a meaning of its own.
func isForeign(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r >= 0x80:
		return false
	}
	return !strings.ContainsRune("-._:[]%", r) // the last ones are for IPv6 and its zones
}

// CheckCredentials reports whether HTTP Basic can carry the credentials: no control
// character, and no colon in the name. The error is *rehome.Error with Code Invalid and that field.
func CheckCredentials(field, username string, password rehome.Secret) error {
	if why := faultOf(username, password); why != "" {
		return &rehome.Error{Code: rehome.Invalid, Field: field, Message: why}
	}
	return nil
}

func faultOf(username string, password rehome.Secret) string {
	switch {
	case hasControl(username) || hasControl(string(password)):
		return "the credentials hold a control character"
	case strings.Contains(username, ":"):
		return "the user name holds a colon"
	}
	return ""
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
