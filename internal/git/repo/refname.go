package repo

import (
	"strings"

	"rehome/internal/git/object"
)

// maxRefName bounds a ref's name, in bytes.
const maxRefName = 4096

// validRef reports whether name may be a ref of ours: git takes it and it begins with
// refs/. Such a name stays inside the repository's folder when it is used as a path.
func validRef(name string) bool {
	return len(name) <= maxRefName && strings.HasPrefix(name, "refs/") && object.CheckRefName(name) == nil
}
