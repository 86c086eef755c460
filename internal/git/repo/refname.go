package repo

import "strings"

// maxRefName bounds a ref's name, in bytes.
const maxRefName = 4096

// validRef reports whether name may be a ref of ours: it begins with refs/, has two
// parts or more, and passes git-check-ref-format. Such a name stays inside the
// repository's folder when it is used as a path.
func validRef(name string) bool {
	if len(name) > maxRefName || !strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, ".") {
		return false
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}
