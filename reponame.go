package rehome

import "strings"

// maxRepositoryName is GitHub's own limit, in bytes.
const maxRepositoryName = 100

// CheckRepositoryName refuses what cannot be a repository's name, with Invalid and the field "name".
func CheckRepositoryName(name string) error {
	why := ""
	switch {
	case name == "" || len(name) > maxRepositoryName || strings.ContainsFunc(name, func(r rune) bool { return !isNameRune(r) }):
		why = "name can only hold ASCII letters, digits, and the characters ., -, and _, at most 100 of them"
	case name == "." || name == "..", strings.HasPrefix(name, "-"):
		why = "name is reserved"
	case strings.HasSuffix(strings.ToLower(name), ".git"):
		why = "name ends in .git, which is added to it in clone URLs"
	default:
		return nil
	}
	return &Error{Code: Invalid, Field: "name", Message: why}
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_'
}
