package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome/internal/testenv"
)

// comparison is what both conversions were found to have made.
type comparison struct {
	objects int   // Git LFS objects, the same on both sides
	bytes   int64 // of them
	refs    int   // whose trees are the same, the root .gitattributes aside
	ours    attributeLines
	theirs  attributeLines
}

// compareConverted holds dir/into.git against dir/migrated.git.
func (l *lab) compareConverted(ctx context.Context, dir string) (c comparison, err error) {
	into, migrated := filepath.Join(dir, "into.git"), filepath.Join(dir, "migrated.git")
	if err := publish(ctx, dir, into); err != nil {
		return c, err
	}
	if c.objects, c.bytes, err = sameObjects(into, migrated); err != nil {
		return c, err
	}
	if c.refs, err = sameTrees(ctx, into, migrated); err != nil {
		return c, err
	}
	if c.ours, err = countAttributeLines(ctx, into); err != nil {
		return c, err
	}
	if c.ours.stale != 0 || c.ours.uncovered != 0 {
		return c, fmt.Errorf("attribute lines: %+v", c.ours)
	}
	if c.theirs, err = countAttributeLines(ctx, migrated); err != nil {
		return c, err
	}
	log.Printf("converted: %+v", c)
	return c, l.fsckOnce(ctx, "conversion to Git LFS", into)
}

// publish sets the refs that dir/result tells in the repository into.
func publish(ctx context.Context, dir, into string) error {
	got, err := readRewritten(dir)
	if err != nil {
		return err
	}
	_, err = testenv.Run(ctx, into, strings.NewReader(strings.Join(got.Refs, "")), "update-ref", "--stdin")
	return err
}

// sameObjects wants two repositories to have the same Git LFS objects, and ours to be what they are called.
func sameObjects(ours, theirs string) (n int, bytes int64, err error) {
	list := func(dir string) (oids []string, err error) {
		err = filepath.WalkDir(filepath.Join(dir, "lfs", "objects"), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				oids = append(oids, d.Name())
			}
			return err
		})
		slices.Sort(oids)
		return oids, err
	}
	have, err := list(ours)
	if err != nil {
		return 0, 0, err
	}
	want, err := list(theirs)
	if err != nil {
		return 0, 0, err
	}
	if !slices.Equal(have, want) {
		return 0, 0, fmt.Errorf("%d Git LFS objects, with git-lfs %d, and not the same", len(have), len(want))
	}
	for _, oid := range have {
		size, err := checkObject(filepath.Join(ours, "lfs", "objects", oid[:2], oid[2:4], oid))
		if err != nil {
			return 0, 0, err
		}
		bytes += size
	}
	return len(have), bytes, nil
}

// checkObject hashes a file that is called as its SHA-256, and returns its size.
func checkObject(file string) (int64, error) {
	sum, size, err := hashFile(file)
	if err == nil && sum != filepath.Base(file) {
		err = fmt.Errorf("%s holds %s", file, sum)
	}
	return size, err
}

// sameTrees wants every ref of both repositories to lead to the same tree, the root .gitattributes aside.
func sameTrees(ctx context.Context, ours, theirs string) (refs int, err error) {
	have, err := rootEntries(ctx, ours)
	if err != nil {
		return 0, err
	}
	want, err := rootEntries(ctx, theirs)
	if err != nil {
		return 0, err
	}
	for name, entries := range want {
		if have[name] != entries {
			return 0, fmt.Errorf("%s holds\n%s\nwith git-lfs\n%s", name, have[name], entries)
		}
	}
	if len(have) != len(want) || len(have) == 0 {
		return 0, fmt.Errorf("%d refs, with git-lfs %d", len(have), len(want))
	}
	return len(have), nil
}

// rootEntries lists the root tree of every ref without .gitattributes.
func rootEntries(ctx context.Context, dir string) (map[string]string, error) {
	listed, err := git(ctx, dir, "for-each-ref", "--format=%(refname)")
	if err != nil {
		return nil, err
	}
	roots := map[string]string{}
	for ref := range strings.FieldsSeq(listed) {
		tree, err := git(ctx, dir, "ls-tree", ref)
		if err != nil {
			return nil, err
		}
		var kept []string
		for line := range strings.Lines(tree) {
			if !strings.HasSuffix(line, "\t.gitattributes\n") {
				kept = append(kept, line)
			}
		}
		roots[ref] = strings.Join(kept, "")
	}
	return roots, nil
}

// attributeLines counts, over all commits, lines of the root .gitattributes that make paths Git LFS files.
type attributeLines struct {
	commits   int
	lines     int64
	stale     int64 // those beyond one for each pointer
	uncovered int64 // pointers that git check-attr finds no filter for
}

// countAttributeLines asks git about the pointers of every distinct root tree.
func countAttributeLines(ctx context.Context, dir string) (a attributeLines, err error) {
	roots, err := git(ctx, dir, "log", "--all", "--format=%T")
	if err != nil {
		return a, err
	}
	trees, err := openTrees(ctx, dir)
	if err != nil {
		return a, err
	}
	defer trees.close()
	check, err := newAttributeCheck(dir)
	if err != nil {
		return a, err
	}
	defer check.close()
	for root := range strings.FieldsSeq(roots) {
		pointers, err := trees.pointers(root)
		if err != nil {
			return a, err
		}
		rules, err := trees.rules(root)
		if err != nil {
			return a, err
		}
		lines, uncovered, err := check.look(ctx, rules, pointers)
		if err != nil {
			return a, err
		}
		a.commits++
		a.lines += int64(lines)
		a.stale += int64(max(0, lines-len(pointers)))
		a.uncovered += int64(uncovered)
	}
	if a.commits == 0 {
		err = errors.New("no commits")
	}
	return a, err
}

// attributeCheck has git check-attr look at .gitattributes files, each pair of rules and paths once.
type attributeCheck struct {
	dir  string // a work tree
	seen map[[2]string][2]int
}

func newAttributeCheck(beside string) (*attributeCheck, error) {
	dir, err := os.MkdirTemp(filepath.Dir(beside), "check-attr-")
	if err == nil {
		_, err = git(context.Background(), dir, "init", "-q")
	}
	return &attributeCheck{dir: dir, seen: map[[2]string][2]int{}}, err
}

func (c *attributeCheck) close() { os.RemoveAll(c.dir) }

// look counts the lines of rules that name the filter of Git LFS, and the paths it is not set for.
func (c *attributeCheck) look(ctx context.Context, rules []byte, paths []string) (lines, uncovered int, err error) {
	key := [2]string{string(rules), strings.Join(paths, "\x00")}
	if known, ok := c.seen[key]; ok {
		return known[0], known[1], nil
	}
	distinct := map[string]bool{}
	for line := range strings.Lines(key[0]) {
		if strings.Contains(line, "filter=lfs ") {
			lines++
			distinct[line] = true
		}
	}
	if len(distinct) < lines {
		return 0, 0, fmt.Errorf("lines of .gitattributes are there twice:\n%s", rules)
	}
	if err := os.WriteFile(filepath.Join(c.dir, ".gitattributes"), rules, 0o644); err != nil {
		return 0, 0, err
	}
	said, err := testenv.Run(ctx, c.dir, strings.NewReader(key[1]), "check-attr", "-z", "--stdin", "filter")
	uncovered = len(paths) - strings.Count(said, "\x00filter\x00lfs\x00")
	c.seen[key] = [2]int{lines, uncovered}
	return lines, uncovered, err
}
