package remote

import (
	"net/url"
	"strings"
)

// LFS returns where the Git LFS API of a repository is when nothing else is said (git-lfs
// docs/api/server-discovery.md): for one that is not on HTTP, at the same name by https.
func (l Location) LFS() *url.URL {
	at := url.URL{Scheme: l.URL.Scheme, Host: l.URL.Host, Path: l.URL.Path, RawPath: l.URL.RawPath}
	if !l.HTTP() {
		at.Scheme, at.Host = "https", strings.TrimSuffix(at.Host, ":"+at.Port())
	}
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
