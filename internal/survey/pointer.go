package survey

import "bytes"

// maxPointer is the most bytes a Git LFS pointer has (git-lfs docs/spec.md).
const maxPointer = 1024

// isPointer reports whether a blob is a Git LFS pointer: it names the version of the
// specification first, and an object.
func isPointer(data []byte) bool {
	if len(data) > maxPointer || !bytes.HasPrefix(data, []byte("version https://")) {
		return false
	}
	version, rest, _ := bytes.Cut(data, []byte{'\n'})
	known := bytes.HasSuffix(version, []byte("git-lfs.github.com/spec/v1")) || bytes.HasSuffix(version, []byte("hawser.github.com/spec/v1"))
	return known && bytes.Contains(rest, []byte("oid sha256:"))
}
