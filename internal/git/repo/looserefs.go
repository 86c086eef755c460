package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"rehome/internal/git/object"
)

// maxLooseRef bounds the file of a loose ref or of HEAD.
const maxLooseRef = maxRefName + 64

// looseRef is a ref in a file of its own: an id, or the name of another ref.
type looseRef struct {
	id     object.ID
	target string // with a symbolic ref
}

// parseLooseRef reads the file of a loose ref or of HEAD (gitrepository-layout).
func parseLooseRef(text string, f object.Format) (looseRef, error) {
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		target = strings.TrimSpace(target)
		if !validRef(target) {
			return looseRef{}, fmt.Errorf("bad ref name %q", target)
		}
		return looseRef{target: target}, nil
	}
	id, err := object.ParseID(strings.TrimRight(text, " \t\r\n"))
	if err != nil {
		return looseRef{}, err
	}
	if id.Format() != f || id.IsZero() {
		return looseRef{}, fmt.Errorf("%s is no %s object id", id, f)
	}
	return looseRef{id: id}, nil
}

// looseRefs reads every loose ref. Files that are no refs by their name are passed over, as git does.
func (r *Repo) looseRefs() (map[string]looseRef, error) {
	refs := map[string]looseRef{}
	err := r.walkLoose(func(name string) error {
		ref, err := r.readLoose(name)
		if errors.Is(err, fs.ErrNotExist) { // packed or deleted meanwhile
			return nil
		}
		refs[name] = ref
		return err
	})
	return refs, err
}

func (r *Repo) readLoose(name string) (looseRef, error) {
	text, err := readBounded(r.path(name), maxLooseRef)
	if err != nil {
		return looseRef{}, err
	}
	ref, err := parseLooseRef(string(text), r.format)
	if err != nil {
		return looseRef{}, fmt.Errorf("read ref %q: %w", name, err)
	}
	return ref, nil
}

// walkLoose calls visit with the name of every loose ref.
func (r *Repo) walkLoose(visit func(name string) error) error {
	return filepath.WalkDir(r.path("refs"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // a folder git has just removed
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(r.dir, path)
		if err != nil {
			return err
		}
		if name := filepath.ToSlash(rel); validRef(name) {
			return visit(name)
		}
		return nil
	})
}

// fresh reports whether the repository has no refs at all.
func (r *Repo) fresh() (bool, error) {
	if _, err := os.Lstat(r.path("packed-refs")); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	fresh := true
	err := r.walkLoose(func(string) error {
		fresh = false
		return fs.SkipAll
	})
	return fresh, err
}
