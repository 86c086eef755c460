package auth

import (
	"fmt"
	"slices"
	"strings"

	"rehome"
)

// maxLogin is the longest login GitHub allows, in characters.
const maxLogin = 39

// reserved are first segments of routes: an owner of that name would be unreachable.
var reserved = []string{
	"about", "api", "assets", "authors", "favicon", "healthz", "help", "import", "imports", "login", "logout",
	"metrics", "new", "openapi", "orgs", "rate-limit", "readyz", "repos", "repositories", "robots", "settings",
	"static", "tokens", "user", "users", "webhooks",
}

// CheckLogin reports whether login can be an owner's: letters, digits and single
// hyphens inside, at most 39, and not the first segment of a route. The error is
// *rehome.Error with Code Invalid and Field "login".
func CheckLogin(login string) error {
	switch {
	case login == "":
		return badLogin("an owner's login is missing")
	case len(login) > maxLogin:
		return badLogin(fmt.Sprintf("an owner's login is longer than %d characters", maxLogin))
	case strings.ContainsFunc(login, notLogin):
		return badLogin("an owner's login holds something else than letters, digits and hyphens")
	case login[0] == '-' || login[len(login)-1] == '-' || strings.Contains(login, "--"):
		return badLogin("an owner's login has a hyphen at an end or two in a row")
	case slices.Contains(reserved, strings.ToLower(login)):
		return badLogin(fmt.Sprintf("%q is a word of the server's own URLs and cannot be an owner", login))
	}
	return nil
}

func notLogin(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
}

func badLogin(message string) error {
	return &rehome.Error{Code: rehome.Invalid, Field: "login", Message: message}
}
