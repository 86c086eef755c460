package forge

import "strings"

// Limits are what a forge takes.
type Limits struct {
	Push int64 // bytes of one push; 0 unknown
	File int64 // bytes of one file that is no Git LFS object; 0 unknown
}

const (
	mib = 1 << 20
	gib = 1 << 30
)

// LimitsOf returns what the forge of that kind at host is known to take. Limits that depend on who pays, as
// GitLab's for files do, are not known.
func LimitsOf(host string, k Kind) Limits {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	switch {
	case host == "github.com", host == "www.github.com", host == "ssh.github.com", strings.HasSuffix(host, ".ghe.com"):
		return Limits{Push: 2 * gib, File: 100 * mib} // docs.github.com, "Repository limits"
	case host == "gitlab.com", host == "altssh.gitlab.com":
		return Limits{Push: 5_000 * mib} // docs.gitlab.com, "GitLab.com settings"
	case host == "bitbucket.org", host == "altssh.bitbucket.org":
		return Limits{Push: 3_500 * mib} // bitbucket.org/blog, "Git push size limits"
	case host == "dev.azure.com", host == "ssh.dev.azure.com", strings.HasSuffix(host, ".visualstudio.com"):
		return Limits{Push: 5_000_000_000} // learn.microsoft.com, "Git limits"
	case k == GitHub:
		return Limits{Push: 2 * gib} // GitHub Enterprise as it comes; its operator can change that of files
	}
	return Limits{}
}

// PushOptions returns what to tell a forge of that kind with a push: a move is no reason to build what has been built before.
func PushOptions(k Kind) []string {
	if k == GitLab {
		return []string{"ci.skip"} // docs.gitlab.com, "Push options"
	}
	return nil
}
