package main

import (
	"bytes"
	"context"
	"fmt"
)

// authors lists the identities of a repository on this machine.
func (l *lab) authors(ctx context.Context, _ string) (cost, error) {
	var out bytes.Buffer
	c, err := timed(ctx, &out, environment(), l.rehome, "authors", l.subject.dir)
	if err != nil {
		return c, err
	}
	for _, id := range l.people.list {
		if id.Name != "" && !bytes.Contains(out.Bytes(), []byte("<"+id.Mail+">")) {
			return c, fmt.Errorf("rehome authors does not list %q", id)
		}
	}
	return c, nil
}

// gitLog has git show who made each commit.
func (l *lab) gitLog(ctx context.Context, _ string) (cost, error) {
	return timed(ctx, nil, environment(), "git", "-C", l.subject.dir, "log", "--all", "--format=%an <%ae> %cn <%ce>")
}
