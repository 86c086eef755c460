package source

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"rehome"
)

// MaxURL is the longest URL taken, in bytes.
const MaxURL = 8 << 10

// Location says where a source is and how to sign in there. Exactly one of URL and Path is set.
type Location struct {
	URL      *url.URL // http or https, without userinfo, query and fragment
	Path     string   // a repository on this machine; only the command line sets it
	Project  string   // which of several projects there, as Found.Choices names it; "" for none said
	Username string
	Password rehome.Secret
}

// String returns the URL or path. It holds no credentials.
func (l Location) String() string {
	if l.URL == nil {
		return l.Path
	}
	return l.URL.String()
}

// ParseLocation reads the URL of a source. Userinfo in it becomes Username and
// Password; a fragment is dropped. Errors are *rehome.Error with Code Invalid and
// Field "vcs_url", and never repeat the URL, which may hold a password.
func ParseLocation(raw string) (Location, error) {
	if err := checkRaw(raw); err != nil {
		return Location{}, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Location{}, invalid("is not a URL")
	}
	if err := checkURL(u); err != nil {
		return Location{}, err
	}
	l := Location{URL: u}
	if u.User != nil {
		password, _ := u.User.Password()
		l.Username, l.Password = u.User.Username(), rehome.Secret(password)
		if err := CheckCredentials(l.Username, l.Password); err != nil {
			return Location{}, err
		}
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return l, nil
}

func checkRaw(raw string) error {
	switch {
	case raw == "":
		return invalid("is missing")
	case len(raw) > MaxURL:
		return invalid(fmt.Sprintf("is longer than %d bytes", MaxURL))
	case raw[0] == '-':
		return invalid("begins with a dash")
	case hasControl(raw):
		return invalid("holds a control character")
	case strings.TrimSpace(raw) != raw:
		return invalid("begins or ends with a space")
	case isSSH(raw):
		return &rehome.Error{
			Code: rehome.Invalid, Field: "vcs_url",
			Message: "vcs_url cannot be read over SSH yet", Hint: "Give the https URL.",
		}
	}
	return nil
}

// isSSH reports whether git would use SSH for raw: by its scheme, or as USER@HOST:PATH.
func isSSH(raw string) bool {
	before, _, colon := strings.Cut(raw, ":")
	switch strings.ToLower(before) {
	case "ssh", "git+ssh", "ssh+git":
		return colon
	}
	return colon && strings.Contains(before, "@") && !strings.Contains(before, "/")
}

func checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return invalid("must begin with http:// or https://")
	case u.Opaque != "" || u.Hostname() == "":
		return invalid("names no host")
	case strings.HasPrefix(u.Host, "-"):
		return invalid("has a host that begins with a dash")
	case u.RawQuery != "" || u.ForceQuery:
		return invalid("has a query, which a repository's URL does not")
	case hasControl(u.Path) || hasControl(u.Host):
		return invalid("holds a control character")
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return invalid("has a port that is not one")
		}
	}
	return nil
}

// CheckCredentials reports whether HTTP Basic can carry the credentials: no control
// character, and no colon in the name. The error is *rehome.Error with Code Invalid.
func CheckCredentials(username string, password rehome.Secret) error {
	switch {
	case hasControl(username) || hasControl(string(password)):
		return &rehome.Error{Code: rehome.Invalid, Field: "vcs_username", Message: "the credentials hold a control character"}
	case strings.Contains(username, ":"):
		return &rehome.Error{Code: rehome.Invalid, Field: "vcs_username", Message: "the user name holds a colon"}
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

func invalid(what string) error {
	return &rehome.Error{Code: rehome.Invalid, Field: "vcs_url", Message: "vcs_url " + what}
}
