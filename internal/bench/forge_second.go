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
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// secondPushes are pushes after the author map changed, against git push --mirror --force of the same history to a copy of the same destination.
type secondPushes struct {
	whole, push []pair    // the whole run of the command, and from its first word of pushing on
	sent, told  []float64 // bytes: of the requests, and of them the commands for refs
	theirs      []float64 // bytes of git push
	made        []added
}

// added is what a destination did not have, packed with each object deflated on its own as git does.
type added struct {
	annotated, all           int   // commits and tags; these and the trees of notes, which have the new ids in them
	annotatedBytes, allBytes int64 // of a pack of them
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
	before, err := reached(ctx, at.dir)
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
	made, err := addedTo(ctx, at.dir, before)
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
	log.Printf("sent %d bytes (commands %d), git %d, for %+v", sent, told, l.to.got.Load()-got, made)
	all.whole, all.push, all.made = append(all.whole, whole), append(all.push, push), append(all.made, made)
	all.sent, all.told = append(all.sent, float64(sent)), append(all.told, float64(told))
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

// reached returns the ids of all objects of a repository that its refs reach, or of those that a filter leaves, sorted.
func reached(ctx context.Context, dir string, filter ...string) ([]string, error) {
	out, err := git(ctx, dir, append([]string{"rev-list", "--objects", "--no-object-names", "--all"}, filter...)...)
	ids := strings.Fields(out)
	slices.Sort(ids)
	return ids, err
}

// addedTo measures what is reached now and was not before.
func addedTo(ctx context.Context, dir string, before []string) (a added, err error) {
	for _, one := range []struct {
		filter []string
		n      *int
		size   *int64
	}{{[]string{"--filter=tree:0"}, &a.annotated, &a.annotatedBytes}, {nil, &a.all, &a.allBytes}} {
		now, err := reached(ctx, dir, one.filter...)
		if err != nil {
			return a, err
		}
		now = slices.DeleteFunc(now, func(id string) bool {
			_, known := slices.BinarySearch(before, id)
			return known
		})
		*one.n = len(now)
		if *one.size, err = packedSize(ctx, dir, now); err != nil {
			return a, err
		}
	}
	return a, nil
}

// packedSize is the size of a pack of objects without deltas.
func packedSize(ctx context.Context, dir string, ids []string) (int64, error) {
	cmd := exec.CommandContext(ctx, "git", "pack-objects", "--stdout", "-q", "--window=0", "--no-reuse-object")
	cmd.Dir, cmd.Env, cmd.Stdin = dir, environment(), strings.NewReader(strings.Join(ids, "\n")+"\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	size, err := io.Copy(io.Discard, out)
	return size, errors.Join(err, cmd.Wait())
}
