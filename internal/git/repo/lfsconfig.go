package repo

import (
	"errors"
	"fmt"

	"rehome/internal/git/object"
)

// maxLFSConfig bounds a .lfsconfig file, bytes.
const maxLFSConfig = 1 << 20

// LFSConfig returns where .lfsconfig of a commit says that the Git LFS objects are, as it stands there; "" where
// it says nothing. It is the last lfs.url, else the last remote.origin.lfsurl (git-lfs docs/man/git-lfs-config).
func (o *Objects) LFSConfig(commit object.ID) (url string, err error) {
	text, err := o.rootFile(commit, ".lfsconfig", maxLFSConfig)
	if errors.Is(err, ErrNoObject) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read .lfsconfig: %w", err)
	}
	return lfsURL(string(text)), nil
}

func lfsURL(text string) string {
	var own, remote string
	readConfig(text, func(section, key, value string) {
		switch {
		case section == "lfs" && key == "url":
			own = value
		case section == "remote.origin" && key == "lfsurl":
			remote = value
		}
	})
	if own != "" {
		return own
	}
	return remote
}
