package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// secondPushes are pushes after the author map changed, against git push --mirror --force of the same history to a copy of the same destination.
type secondPushes struct {
	whole, push []pair    // the whole run of the command, and from its first word of pushing on
	sent, told  []float64 // bytes: of the requests, and of them the commands for refs
	made        []float64 // bytes of the new commits and tags
	theirs      []float64 // bytes of git push
	objects     int       // new commits and tags
}

// secondPushes moves a repository, and then maps the same people to one name after the other.
func (l *forgeLab) secondPushes(ctx context.Context) (all secondPushes, err error) {
	_, err = l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		at, err := l.to.empty(ctx)
		if err != nil {
			return cost{}, err
		}
		defer at.remove()
		if _, _, err := l.importAgain(ctx, l.mapping(dir, replaced), at); err != nil {
			return cost{}, err
		}
		for n := range l.settings.pairs {
			if err := l.secondPush(ctx, dir, at, n, &all); err != nil {
				return cost{}, fmt.Errorf("second push: %w", err)
			}
		}
		return cost{}, nil
	})
	return all, err
}

func (l *forgeLab) secondPush(ctx context.Context, dir string, at home, n int, all *secondPushes) error {
	before, err := annotationsAndCommits(ctx, at.dir)
	if err != nil {
		return err
	}
	theirs, err := l.to.copied(ctx, at)
	if err != nil {
		return err
	}
	defer theirs.remove()
	m := l.mapping(dir, rehome.Identity{Name: fmt.Sprintf("Mapped Person %d", n), Mail: replaced.Mail})
	var whole, push pair
	got, told := l.to.got.Load(), l.to.told.Load()
	if whole.ours, push.ours, err = l.importAgain(ctx, m, at); err != nil {
		return err
	}
	sent, told := l.to.got.Load()-got, l.to.told.Load()-told
	if err := l.checkMappedTo(ctx, "second push", at, m); err != nil {
		return err
	}
	made, objects, err := l.sizeOfNew(ctx, at.dir, before)
	if err != nil {
		return err
	}
	got = l.to.got.Load()
	if whole.theirs, err = l.forced(ctx, filepath.Join(dir, fmt.Sprintf("again-%d.git", n)), at, theirs); err != nil {
		return err
	}
	push.theirs = whole.theirs
	whole.log("second run of the command", n)
	push.log("second push", n)
	log.Printf("sent %d bytes (commands %d), git %d, for %d new commits and tags of %d bytes: %.3f", sent, told, l.to.got.Load()-got, objects, made, float64(sent)/float64(made))
	all.whole, all.push, all.objects = append(all.whole, whole), append(all.push, push), objects
	all.sent, all.made = append(all.sent, float64(sent)), append(all.made, float64(made))
	all.told = append(all.told, float64(told))
	all.theirs = append(all.theirs, float64(l.to.got.Load()-got))
	return nil
}

// forced pushes to another destination what one has, from a repository that has nothing else.
func (l *forgeLab) forced(ctx context.Context, mirror string, from, to home) (cost, error) {
	if _, err := git(ctx, filepath.Dir(mirror), "clone", "-q", "--mirror", "--no-local", from.dir, mirror); err != nil {
		return cost{}, err
	}
	c, err := timed(ctx, nil, environment(), "git", "-C", mirror, "push", "-q", "--mirror", "--force", to.url)
	if err != nil {
		return c, err
	}
	want, err := contents(ctx, from.dir)
	if err != nil {
		return c, err
	}
	have, err := contents(ctx, to.dir)
	if err == nil && have != want {
		err = fmt.Errorf("git push made it %s, we %s", have, want)
	}
	return c, err
}

// importAgain runs the command with a state folder, which the next run takes up, and returns what it cost from its first word of pushing on, too.
func (l *forgeLab) importAgain(ctx context.Context, m mapping, at home) (whole, push cost, err error) {
	if err := m.write(); err != nil {
		return whole, push, err
	}
	args := append([]string{"import", "--json", "--state", m.file("state")}, m.flags()...)
	return timedApart(ctx, l.rehome, append(args, l.from.URL, at.url)...)
}

// timedApart is timed for a program that tells its events, with what it used after it said that it is pushing.
func timedApart(ctx context.Context, name string, args ...string) (whole, push cost, err error) {
	events, told := io.Pipe()
	at := make(chan cost, 1) // processor time and moment of that word
	start := time.Now()
	cmd := exec.CommandContext(ctx, name, args...)
	var said strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = environment(), told, &said
	if err := cmd.Start(); err != nil {
		return whole, push, err
	}
	go func() {
		at <- untilPushing(events, cmd.Process.Pid, start)
		io.Copy(io.Discard, events)
	}()
	peak := testenv.WatchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	whole = cost{wall: time.Since(start).Seconds(), memory: peak()}
	told.Close()
	before := <-at
	if err != nil {
		return whole, push, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, strings.TrimSpace(said.String()))
	}
	if before.wall == 0 {
		return whole, push, errors.New("it never said that it was pushing")
	}
	whole.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return whole, cost{whole.cpu - before.cpu, whole.wall - before.wall, whole.memory}, nil
}

// untilPushing reads events up to the one that says so; the zero cost when none does.
func untilPushing(events io.Reader, pid int, start time.Time) cost {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Event, New string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Event != "status" || e.New != "pushing" {
			continue
		}
		if used, err := processorTime(pid); err == nil {
			return cost{cpu: used, wall: time.Since(start).Seconds()}
		}
	}
	return cost{}
}

// annotationsAndCommits returns the ids of all commits and tags of a repository that its refs reach, sorted.
func annotationsAndCommits(ctx context.Context, dir string) ([]string, error) {
	out, err := git(ctx, dir, "rev-list", "--objects", "--no-object-names", "--filter=tree:0", "--all")
	ids := strings.Fields(out)
	slices.Sort(ids)
	return ids, err
}

// sizeOfNew is the size of a pack of the commits and tags that were not there before, each deflated on its own as git does.
func (l *forgeLab) sizeOfNew(ctx context.Context, dir string, before []string) (size int64, n int, err error) {
	now, err := annotationsAndCommits(ctx, dir)
	if err != nil {
		return 0, 0, err
	}
	now = slices.DeleteFunc(now, func(id string) bool {
		_, known := slices.BinarySearch(before, id)
		return known
	})
	cmd := exec.CommandContext(ctx, "git", "pack-objects", "--stdout", "-q", "--window=0", "--no-reuse-object")
	var packed atomic.Int64
	cmd.Dir, cmd.Env, cmd.Stdin = dir, environment(), strings.NewReader(strings.Join(now, "\n")+"\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	_, err = io.Copy(io.Discard, &counting{out, &packed})
	return packed.Load(), len(now), errors.Join(err, cmd.Wait())
}
