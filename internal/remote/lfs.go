package remote

import (
	"net/url"
	"strings"
)

// LFS returns where the Git LFS API of a repository on HTTP is when nothing else is said (git-lfs
// docs/api/server-discovery.md).
func (l Location) LFS() *url.URL {
	at := *l.URL
	at.Path = lfsPath(at.Path)
	if at.RawPath != "" {
		at.RawPath = lfsPath(at.RawPath)
	}
	return &at
}

func lfsPath(path string) string {
	path = strings.TrimRight(path, "/")
	if !strings.HasSuffix(path, ".git") {
		path += ".git"
	}
	return path + "/info/lfs"
}
