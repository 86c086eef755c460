package verify

import (
	"fmt"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// notes compares what a ref below refs/notes says now: its folders may be laid out in another way, and its files have
// the names of what the commits they are about became.
func (c *comparison) notes(p pair) error {
	was, is := map[string]object.ID{}, map[string]object.ID{}
	if err := flatten(c.from, p.old, was); err != nil {
		return fmt.Errorf("read notes of the source: %w", err)
	}
	if err := flatten(c.to, p.new, is); err != nil {
		return fmt.Errorf("read notes of the destination: %w", err)
	}
	for name, blob := range was {
		about, err := object.ParseID(name)
		if now, changed := c.done[about]; err == nil && changed {
			name = now.String()
		}
		if is[name] != blob {
			c.differs(p, "commit", fmt.Sprintf("has no such note for %q at the destination", name))
		}
	}
	return nil
}

// flatten collects the files of a commit's tree by their paths without slashes.
func flatten(objects *repo.Objects, commit object.ID, into map[string]object.ID) error {
	_, data, err := objects.Read(commit)
	if err != nil {
		return err
	}
	parts, _ := object.ParseCommit(commit.Format(), data)
	var folder func(id object.ID, path string) error
	folder = func(id object.ID, path string) error {
		all, err := entries(objects, id)
		for name, e := range all {
			if len(path) > 2*len(id.Bytes()) {
				continue // no note is that deep
			}
			if !e.mode.IsTree() {
				into[strings.ReplaceAll(path+name, "/", "")] = e.id
			} else if err := folder(e.id, path+name); err != nil {
				return err
			}
		}
		return err
	}
	return folder(parts.Tree, "")
}
