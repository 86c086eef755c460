// Package testenv gives tests and benchmarks real Git repositories and a real Git server on loopback.
package testenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Env is the environment git runs with here: no user's or system's settings, fixed
// people and dates, so that every id is the same on every machine.
func Env() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=/nonexistent",
		"LC_ALL=C",
		"TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_NO_REPLACE_OBJECTS=1",
		"GIT_AUTHOR_NAME=Ada Lovelace",
		"GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_AUTHOR_DATE=1700000000 +0000",
		"GIT_COMMITTER_NAME=Charles Babbage",
		"GIT_COMMITTER_EMAIL=charles@example.com",
		"GIT_COMMITTER_DATE=1700000100 +0000",
	}
}

// Run runs git in dir with Env and stdin, and returns its standard output without
// the final newline. The error holds what git said.
func Run(ctx context.Context, dir string, stdin io.Reader, args ...string) (string, error) {
	out, err := run(ctx, dir, stdin, args)
	return strings.TrimSuffix(out, "\n"), err
}

func run(ctx context.Context, dir string, stdin io.Reader, args []string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, Env(), stdin
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

// Git runs git in dir and returns its standard output without the final newline; a failure ends the test.
func Git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	return GitIn(t, dir, nil, args...)
}

// GitIn is Git with something on standard input.
func GitIn(t testing.TB, dir string, stdin io.Reader, args ...string) string {
	t.Helper()
	out, err := Run(t.Context(), dir, stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// GitBytes is GitIn for output that is not text, a pack, say: it comes whole.
func GitBytes(t testing.TB, dir string, stdin io.Reader, args ...string) []byte {
	t.Helper()
	out, err := run(t.Context(), dir, stdin, args)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(out)
}

// ShowRefs returns "id name" for every ref of the repository at dir, sorted by name.
func ShowRefs(t testing.TB, dir string) []string {
	t.Helper()
	out := Git(t, dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// Objects returns the id of every object in the repository at dir, sorted, reachable or not.
func Objects(t testing.TB, dir string) []string {
	t.Helper()
	out := Git(t, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}
