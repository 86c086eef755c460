package object

import (
	"fmt"
	"strings"
)

// CheckRefName reports whether Git takes name for a full ref name, by the rules of
// git-check-ref-format(1) without options: "refs/heads/x" passes, "HEAD" does not.
func CheckRefName(name string) error {
	if why := refNameFault(name); why != "" {
		return fmt.Errorf("ref name %q: %s", name, why)
	}
	return nil
}

// refNameFault returns the first rule name breaks, "" when it keeps them all.
func refNameFault(name string) string {
	if name == "" {
		return "empty"
	}
	if i := strings.IndexFunc(name, refRuneForbidden); i >= 0 {
		return fmt.Sprintf("holds %q", name[i])
	}
	for _, s := range []string{"..", "@{"} {
		if strings.Contains(name, s) {
			return fmt.Sprintf("holds %q", s)
		}
	}
	if strings.HasSuffix(name, ".") {
		return "ends with a dot"
	}
	if !strings.Contains(name, "/") {
		return "has no slash"
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "":
			return "has an empty part"
		case part[0] == '.':
			return "has a part that starts with a dot"
		case strings.HasSuffix(part, ".lock"):
			return "has a part that ends with .lock"
		}
	}
	return ""
}

func refRuneForbidden(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune("~^:?*[\\", r)
}
