package object

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCheckRefName lets git check-ref-format judge each name.
func TestCheckRefName(t *testing.T) {
	names := []string{
		"", "/", "a", "HEAD", "@", "refs", "refs/heads/main", "refs/heads/@", "refs/@/x", "@/x", "x/@",
		"refs/heads/", "/refs/heads/a", "refs//heads", "refs/heads/a//b", "refs/stash", "refs/notes/commits",
		"refs/heads/.a", "refs/.heads/a", "refs/heads/a.", "refs/heads./a", "refs/heads/a..b", "refs/heads/..", "refs/heads/.",
		"refs/heads/a.lock", "refs/a.lock/b", "refs/heads/a.lockx", "refs/heads/.lock", "refs/heads/alock", "refs/heads/a.LOCK",
		"refs/heads/a b", "refs/heads/a\tb", "refs/heads/a\nb", "refs/heads/a\x01b", "refs/heads/a\x7fb",
		"refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b", "refs/heads/a?", "refs/heads/a*", "refs/heads/*", "refs/heads/a[b", "refs/heads/a]b", "refs/heads/a\\b",
		"refs/heads/a@{b", "refs/heads/a@b{", "refs/heads/@{", "refs/heads/{a}", "refs/heads/a@",
		"refs/heads/-a", "-refs/heads/a", "refs/heads/ä", "refs/heads/\xff\xfe", "refs/heads/\xe2\x80\xae", "refs/heads/\x80",
		"refs/heads/a'b\"c`d$e;f&g|h<i>j(k)l!m#n%o,p=q+r", "refs/heads/" + strings.Repeat("a", 5000), "refs/" + strings.Repeat("a/", 200) + "b",
	}
	for _, name := range names {
		var want bool
		if !strings.HasPrefix(name, "-") { // git takes it for an option
			want = exec.Command("git", "check-ref-format", name).Run() == nil
		} else {
			want = exec.Command("git", "check-ref-format", "--normalize", "/"+name).Run() == nil
		}
		if got := CheckRefName(name) == nil; got != want {
			t.Errorf("CheckRefName(%.80q) = %v, git says %v", name, got, want)
		}
	}
	if CheckRefName("refs/heads/a\x00b") == nil {
		t.Error("a NUL passes")
	}
}
