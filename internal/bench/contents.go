package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"rehome/internal/testenv"
)

// content is what a repository holds, in a form that can be compared.
type content struct {
	refs, objects int
	sum           [sha256.Size]byte // of every carried ref and of every object they reach
}

func (c content) String() string {
	return fmt.Sprintf("%d refs and %d objects (%x)", c.refs, c.objects, c.sum[:6])
}

// contents reads the refs of a repository and the ids of all objects they reach.
func contents(ctx context.Context, dir string) (content, error) {
	listed, err := git(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return content{}, err
	}
	var c content
	var tips bytes.Buffer
	sum := sha256.New()
	for line := range strings.Lines(listed + "\n") {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || !testenv.Carried(name) {
			continue
		}
		c.refs++
		fmt.Fprintln(sum, id, name)
		fmt.Fprintln(&tips, id)
	}
	if c.objects, err = objects(ctx, dir, &tips, sum); err != nil {
		return content{}, err
	}
	sum.Sum(c.sum[:0])
	return c, nil
}

// objects writes the sorted ids of all objects that tips reach to w and returns their number.
func objects(ctx context.Context, dir string, tips io.Reader, w io.Writer) (int, error) {
	list := exec.CommandContext(ctx, "sh", "-c", "git rev-list --objects --no-object-names --stdin | sort")
	list.Dir, list.Env, list.Stdin = dir, environment(), tips
	list.Stderr = os.Stderr
	counter := &lines{w: w}
	list.Stdout = counter
	err := list.Run()
	return counter.n, err
}

// lines counts the lines that pass to w.
type lines struct {
	w io.Writer
	n int
}

func (l *lines) Write(p []byte) (int, error) {
	l.n += bytes.Count(p, []byte{'\n'})
	return l.w.Write(p)
}

// environment is what both sides run with: nothing of the user's.
func environment() []string { return append(testenv.Env(), "GIT_NO_REPLACE_OBJECTS=1") }
