package testenv

import (
	"fmt"
	"strings"
	"testing"
)

// Grow adds n commits on top of what ref, a full name, stands for in the bare repository at dir; each
// changes the file at path. A ref that is not there begins anew.
func Grow(t testing.TB, dir, ref, path string, n int) {
	t.Helper()
	from := ""
	if at := Git(t, dir, "for-each-ref", "--format=%(objectname)", ref); at != "" {
		from = fmt.Sprintf("from %s\n", at)
	}
	var s strings.Builder
	for k := range n {
		fmt.Fprintf(&s, "commit %s\ncommitter Later <later@example.com> %d +0000\n%s%s", ref, 1710000000+60*k, data(fmt.Sprintf("%s %d\n", path, k)), from)
		s.WriteString(file("100644", path, fmt.Sprintf("%s %s %d\n", ref, from, k)))
		from = ""
	}
	GitIn(t, dir, strings.NewReader(s.String()), "fast-import", "--quiet", "--force")
}
