package remote

import (
	"path"
	"path/filepath"
	"strings"
)

// Key gives all the spellings of where a repository is one name. Of a URL it is host and path: how one gets there
// does not matter, nor do case of the host, usual ports, a slash or .git at the end. A path, or a file: URL, is made absolute.
func Key(address string) string {
	if Local(address) {
		return pathKey(address)
	}
	if dir, ok := strings.CutPrefix(address, "file://"); ok {
		return pathKey(dir)
	}
	l, err := Parse("", address)
	if err != nil {
		return pathKey(address)
	}
	host := strings.ToLower(l.URL.Hostname())
	if port := l.URL.Port(); port != "" && port != usualPorts[l.URL.Scheme] {
		host += ":" + port
	}
	return host + Bare(path.Clean("/"+l.URL.Path))
}

var usualPorts = map[string]string{"http": "80", "https": "443", "ssh": "22", "git": "9418"}

func pathKey(address string) string {
	if abs, err := filepath.Abs(address); err == nil {
		return abs
	}
	return address
}

// Local reports whether an address is a path and no URL, as the command line tells them apart: USER@HOST:PATH is none.
func Local(address string) bool {
	if strings.Contains(address, "://") {
		return false
	}
	before, _, colon := strings.Cut(address, ":")
	return !colon || strings.Contains(before, "/") || !strings.Contains(before, "@")
}

// Bare cuts off what Git adds to the name of a repository when it is not found by it.
func Bare(name string) string {
	name = strings.TrimRight(name, "/")
	name = strings.TrimSuffix(name, "/.git")
	return strings.TrimSuffix(name, ".git")
}

// Relative reports whether the URL of a submodule is relative to that of the repository it is in (git-submodule, "add").
func Relative(submodule string) bool {
	return strings.HasPrefix(submodule, "./") || strings.HasPrefix(submodule, "../")
}

// Resolve returns the address that the URL of a submodule means in a repository from source.
func Resolve(source, submodule string) string {
	if !Relative(submodule) {
		return submodule
	}
	if Local(source) {
		return filepath.Join(source, submodule)
	}
	l, err := Parse("", source)
	if err != nil {
		return submodule
	}
	u := *l.URL
	u.Path, u.RawPath = path.Join("/", u.Path, submodule), ""
	l.URL = &u
	return l.String()
}
