package repo

import (
	"errors"
	"fmt"
	"strings"

	"rehome/internal/git/object"
)

// maxGitmodules bounds a .gitmodules file, bytes.
const maxGitmodules = 8 << 20

// Submodule is an entry of a .gitmodules file (gitmodules).
type Submodule struct {
	Path, URL string
}

// Submodules lists what .gitmodules of a commit names, in the order of the file; none where
// it has no such file. An entry without a path is passed over.
func (o *Objects) Submodules(commit object.ID) ([]Submodule, error) {
	text, err := o.gitmodules(commit)
	if errors.Is(err, ErrNoObject) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read .gitmodules: %w", err)
	}
	var names []string
	found := map[string]*Submodule{}
	readConfig(string(text), func(section, key, value string) {
		name, ok := strings.CutPrefix(section, "submodule.")
		if !ok {
			return
		}
		if found[name] == nil {
			found[name] = &Submodule{}
			names = append(names, name)
		}
		switch key {
		case "path":
			found[name].Path = value
		case "url":
			found[name].URL = value
		}
	})
	var list []Submodule
	for _, name := range names {
		if found[name].Path != "" {
			list = append(list, *found[name])
		}
	}
	return list, nil
}

// gitmodules returns a commit's .gitmodules, ErrNoObject when there is none to be read.
func (o *Objects) gitmodules(commit object.ID) ([]byte, error) {
	return o.rootFile(commit, ".gitmodules", maxGitmodules)
}

// rootFile returns a file of a commit's root, ErrNoObject when there is none to be read.
func (o *Objects) rootFile(commit object.ID, name string, limit int) ([]byte, error) {
	t, data, err := o.Read(commit)
	if err != nil {
		return nil, err
	}
	if t != object.Commit {
		return nil, ErrNoObject
	}
	parts, _ := object.ParseCommit(commit.Format(), data)
	t, data, err = o.Read(parts.Tree)
	if err != nil || t != object.Tree {
		return nil, errors.Join(err, ErrNoObject)
	}
	for e, err := range object.Entries(commit.Format(), data) {
		if err != nil {
			return nil, err
		}
		if string(e.Name) != name || e.Mode.Type() != object.Blob || e.Mode.IsSymlink() {
			continue
		}
		if _, data, err = o.Read(object.FromBytes(commit.Format(), e.ID)); err == nil && len(data) > limit {
			err = fmt.Errorf("it has more than %d bytes", limit)
		}
		return data, err
	}
	return nil, ErrNoObject
}
