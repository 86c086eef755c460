package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
)

// localLFS opens the Git LFS objects of a bare repository in dir, where git-lfs has them.
func localLFS(dir string) (*lfs.Store, error) { return lfs.Local(filepath.Join(dir, "lfs")) }

// tidyLFS removes what a repository's store was worked with, and the store itself when it holds nothing.
func tidyLFS(dir string) error {
	dir = filepath.Join(dir, "lfs")
	err := os.RemoveAll(filepath.Join(dir, "tmp"))
	for _, empty := range []string{filepath.Join(dir, "objects"), dir} {
		entries, found := os.ReadDir(empty)
		if found == nil && len(entries) == 0 {
			found = os.Remove(empty)
		}
		if !errors.Is(found, fs.ErrNotExist) {
			err = errors.Join(err, found)
		}
	}
	if err != nil {
		return fmt.Errorf("tidy the store of Git LFS objects: %w", err)
	}
	return nil
}

// idle warns when there was nothing that the choice for large files is about.
func (p OncePlan) idle(over int64, did rehome.Changes) []rehome.Warning {
	large := largePlan{Choice: p.choice(), Over: over}
	if p.Match != nil {
		large.Match = "*" // there are some
	}
	return large.idleWarning(did)
}

// large counts the large files of a fetched repository.
func (r raw) large() rehome.Found {
	found := rehome.Found{LargeFilesKnown: true}
	for _, f := range r.found.LargeFiles {
		found.LargeFiles++
		found.LargeFilesSize += f.Size
	}
	return found
}

// maxTipFiles bounds the files that are listed for branch tips.
const maxTipFiles = 1000

// lostAtTips lists files that branches end with before a rewrite and not after it, by path, the first
// maxTipFiles of them. The repository has both histories.
func lostAtTips(ctx context.Context, r *repo.Repo, final []finalRef) ([]rehome.TipFile, error) {
	objects, err := r.Objects()
	if err != nil {
		return nil, fmt.Errorf("open what was rewritten: %w", err)
	}
	defer objects.Close()
	l := lost{objects: objects, of: map[string][]string{}, known: map[[2]object.ID][]string{}}
	for _, f := range final {
		branch, ok := strings.CutPrefix(f.name, "refs/heads/")
		if !ok || f.source == f.final {
			continue
		}
		if err := l.branch(ctx, branch, f); err != nil {
			return nil, fmt.Errorf("compare the tip of branch %q: %w", branch, err)
		}
	}
	var list []rehome.TipFile
	paths := slices.Sorted(maps.Keys(l.of))
	for _, path := range paths[:min(len(paths), maxTipFiles)] {
		list = append(list, rehome.NewTipFile(path, l.of[path]))
	}
	return list, nil
}

// lost compares trees before and after.
type lost struct {
	objects *repo.Objects
	of      map[string][]string       // branches by path
	known   map[[2]object.ID][]string // paths by the trees of tips
}

func (l *lost) branch(ctx context.Context, name string, f finalRef) error {
	if f.removed { // it names no commit
		l.of[name] = append(l.of[name], name)
		return nil
	}
	before, err := l.root(f.source)
	if err != nil {
		return err
	}
	after, err := l.root(f.final)
	if err != nil {
		return err
	}
	pair := [2]object.ID{before, after}
	paths, ok := l.known[pair]
	if !ok {
		if err := l.compare(ctx, before, after, nil, &paths); err != nil {
			return err
		}
		l.known[pair] = paths
	}
	for _, path := range paths {
		l.of[path] = append(l.of[path], name)
	}
	return nil
}

// root returns the tree of a commit, or of what a tag names.
func (l *lost) root(id object.ID) (object.ID, error) {
	for {
		t, data, err := l.objects.Read(id)
		if err != nil {
			return id, err
		}
		switch t {
		case object.Tag:
			tag, _ := object.ParseTag(id.Format(), data)
			id = tag.Object
		case object.Commit:
			commit, _ := object.ParseCommit(id.Format(), data)
			return commit.Tree, nil
		default:
			return id, nil
		}
	}
}

// compare appends the paths of files below before that are not below after, which is zero where nothing is left.
func (l *lost) compare(ctx context.Context, before, after object.ID, folder []byte, paths *[]string) error {
	if before == after || len(*paths) >= maxTipFiles {
		return ctx.Err()
	}
	was, err := l.entries(before)
	if err != nil {
		return err
	}
	left := map[string]object.TreeEntry{}
	if !after.IsZero() {
		is, err := l.entries(after)
		if err != nil {
			return err
		}
		for _, e := range is {
			left[string(e.Name)] = e
		}
	}
	for _, e := range was {
		now, stays := left[string(e.Name)]
		path := append(slices.Clip(bytes.Clone(folder)), e.Name...)
		switch {
		case e.Mode.IsTree():
			var to object.ID
			if stays && now.Mode.IsTree() {
				to = object.FromBytes(before.Format(), now.ID)
			}
			err := l.compare(ctx, object.FromBytes(before.Format(), e.ID), to, append(path, '/'), paths)
			if err != nil {
				return err
			}
		case !stays && !e.Mode.IsSubmodule():
			*paths = append(*paths, string(path))
		}
	}
	return ctx.Err()
}

// entries reads a tree; what is none has none.
func (l *lost) entries(id object.ID) (all []object.TreeEntry, err error) {
	t, data, err := l.objects.Read(id)
	if err != nil || t != object.Tree {
		return nil, err
	}
	for e, err := range object.Entries(id.Format(), data) {
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// shownTips and shownBranches are how much of a list an error has room for.
const (
	shownTips     = 10
	shownBranches = 3
)

// tipsError refuses to remove files that branches end with.
func tipsError(files []rehome.TipFile) error {
	var names []string
	for _, f := range files[:min(len(files), shownTips)] {
		branches := f.Branches[:min(len(f.Branches), shownBranches)]
		name := fmt.Sprintf("%s (%s", rehome.Clean(f.Path, 200), rehome.Clean(strings.Join(branches, ", "), 200))
		if more := len(f.Branches) - len(branches); more > 0 {
			name += fmt.Sprintf(" and %d more", more)
		}
		names = append(names, name+")")
	}
	if more := len(files) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return &rehome.Error{
		Code:    rehome.Invalid,
		Message: "Branches still end with files that would be removed: " + strings.Join(names, ", ") + ".",
		Hint:    "Remove them there as well with --remove-from-tips, or keep them as Git LFS files with --large-files lfs.",
	}
}
