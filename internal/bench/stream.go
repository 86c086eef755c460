package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// authorsKnown says how early the author list is complete.
type authorsKnown struct {
	authors int
	percent float64 // of the bytes the source sent, when the last new author was told
}

// paced is how fast the source sends while the author list is watched, in bytes a
// second: slow enough that what was sent has also been read.
const paced = 12 << 20

// authorsKnown imports from a paced source and notes how much had been sent at the last author event.
func (l *lab) authorsKnown(ctx context.Context) (authorsKnown, error) {
	l.from.pace.Store(paced)
	defer l.from.pace.Store(0)
	var known authorsKnown
	_, err := l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		before := l.from.sent.Load()
		cmd := exec.CommandContext(ctx, l.rehome, "import", "--json", l.from.URL, filepath.Join(dir, "rehome.git"))
		cmd.Env, cmd.Stderr = environment(), os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			return cost{}, err
		}
		if err := cmd.Start(); err != nil {
			return cost{}, err
		}
		count, at := lastAuthor(out, func() int64 { return l.from.sent.Load() - before })
		if err := cmd.Wait(); err != nil {
			return cost{}, err
		}
		known = authorsKnown{count, 100 * float64(at) / float64(l.from.sent.Load()-before)}
		return cost{}, nil
	})
	log.Printf("the last of %d authors known at %.1f %% of the stream", known.authors, known.percent)
	return known, err
}

// lastAuthor reads events and returns the number of authors and what sent said at the last of them.
func lastAuthor(events io.Reader, sent func() int64) (count int, at int64) {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Event string }
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event == "author" {
			count, at = count+1, sent()
		}
	}
	io.Copy(io.Discard, events)
	return count, at
}

// surveyRun is one round of indexing bare, indexing with the survey, and git fsck.
type surveyRun struct {
	bare, surveyed, fsck cost
}

// share is what the survey costs above bare indexing, as a share of git fsck.
func (r surveyRun) share() float64 { return (r.surveyed.cpu - r.bare.cpu) / r.fsck.cpu }

type surveyCost []surveyRun

// surveyCost indexes one pack of everything with and without the survey, and runs git fsck on it.
func (l *lab) surveyCost(ctx context.Context) (surveyCost, error) {
	var all surveyCost
	for range l.settings.pairs {
		_, err := l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
			one, err := l.surveyRun(ctx, dir)
			if err == nil {
				log.Printf("indexing %.2f s, with survey %.2f s, git fsck %.2f s: %.3f of fsck", one.bare.cpu, one.surveyed.cpu, one.fsck.cpu, one.share())
				all = append(all, one)
			}
			return cost{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (l *lab) surveyRun(ctx context.Context, dir string) (run surveyRun, err error) {
	pack := filepath.Join(dir, "all.pack")
	if err := l.packAll(ctx, dir, pack); err != nil {
		return run, err
	}
	format, err := git(ctx, l.subject.dir, "rev-parse", "--show-object-format")
	if err != nil {
		return run, err
	}
	self, err := os.Executable()
	if err != nil {
		return run, err
	}
	if run.bare, err = timed(ctx, nil, environment(), self, innerCommand, "bare", format, pack, filepath.Join(dir, "bare.git")); err != nil {
		return run, err
	}
	if run.surveyed, err = timed(ctx, nil, environment(), self, innerCommand, "survey", format, pack, filepath.Join(dir, "survey.git")); err != nil {
		return run, err
	}
	run.fsck, err = timed(ctx, nil, environment(), "git", "-C", l.subject.dir, "fsck", "--full", "--no-dangling", "--no-progress")
	return run, err
}

// packAll writes what a server would send: one pack of everything, and the refs beside it.
func (l *lab) packAll(ctx context.Context, dir, pack string) error {
	refs, err := git(ctx, l.subject.dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "refs"), []byte(refs+"\n"), 0o644); err != nil {
		return err
	}
	out, err := os.Create(pack)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, "git", "pack-objects", "--all", "--revs", "--stdout", "--delta-base-offset", "-q")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stdin = l.subject.dir, environment(), out, strings.NewReader("")
	return cmd.Run()
}
