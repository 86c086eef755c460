package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"rehome/internal/git/object"
	"rehome/internal/lfs"
)

// trees reads trees of a repository with git cat-file, and remembers which pointers are below each.
type trees struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	files map[string]bool     // blobs that are pointers
	below map[string][]string // paths of pointers, by tree
}

func openTrees(ctx context.Context, dir string) (*trees, error) {
	t := &trees{below: map[string][]string{}, files: map[string]bool{}}
	t.cmd = exec.CommandContext(ctx, "git", "cat-file", "--batch=%(objectname) %(objectsize)")
	t.cmd.Dir, t.cmd.Env = dir, environment()
	var err error
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReaderSize(out, 1<<16)
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	return t, t.findPointers(ctx, dir)
}

func (t *trees) close() {
	t.in.Close()
	t.cmd.Wait()
}

// findPointers reads every blob that is small enough to be a pointer.
func (t *trees) findPointers(ctx context.Context, dir string) error {
	listed, err := git(ctx, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype) %(objectsize)", "--unordered")
	if err != nil {
		return err
	}
	for line := range strings.Lines(listed) {
		var id, kind string
		var size int64
		if _, err := fmt.Sscan(line, &id, &kind, &size); err != nil {
			return err
		}
		if kind != "blob" || size > lfs.MaxPointer {
			continue
		}
		blob, err := t.read(id)
		if err != nil {
			return err
		}
		if _, ok := lfs.ParsePointer(blob); ok {
			t.files[id] = true
		}
	}
	return nil
}

// read returns an object whole.
func (t *trees) read(name string) ([]byte, error) {
	if _, err := fmt.Fprintln(t.in, name); err != nil {
		return nil, err
	}
	head, err := t.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	var id string
	var size int64
	if _, err := fmt.Sscan(head, &id, &size); err != nil {
		return nil, fmt.Errorf("git cat-file: %q", head)
	}
	b := make([]byte, size+1) // and a line feed
	_, err = io.ReadFull(t.out, b)
	return b[:size], err
}

// pointers returns the path of every pointer below a tree.
func (t *trees) pointers(tree string) ([]string, error) {
	if known, ok := t.below[tree]; ok {
		return known, nil
	}
	data, err := t.read(tree)
	if err != nil {
		return nil, err
	}
	var paths []string
	for entry, err := range object.Entries(object.SHA1, data) {
		if err != nil {
			return nil, err
		}
		id, name := hex.EncodeToString(entry.ID), string(entry.Name)
		switch {
		case entry.Mode.IsTree():
			inside, err := t.pointers(id)
			if err != nil {
				return nil, err
			}
			for _, path := range inside {
				paths = append(paths, name+"/"+path)
			}
		case t.files[id]:
			paths = append(paths, name)
		}
	}
	t.below[tree] = paths
	return paths, nil
}

// rules returns the .gitattributes of a root tree, nil when there is none.
func (t *trees) rules(root string) ([]byte, error) {
	data, err := t.read(root)
	if err != nil {
		return nil, err
	}
	for entry, err := range object.Entries(object.SHA1, data) {
		if err != nil {
			return nil, err
		}
		if string(entry.Name) == ".gitattributes" {
			return t.read(hex.EncodeToString(entry.ID))
		}
	}
	return nil, nil
}
