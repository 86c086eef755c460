package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// pair is one run of each side, one right after the other.
type pair struct{ ours, theirs cost }

// result is everything measured on one repository.
type result struct {
	subject
	cli, host, mapped []pair
	listing           []pair
	survey            surveyCost
	authors           authorsKnown
	rewrite           rewriting
	remap             remapping
	checked           []string // what was compared at the end, in words
}

func measure(ctx context.Context, s settings, r subject) (result, error) {
	res := result{subject: r}
	from, err := serve(ctx, r.dir)
	if err != nil {
		return res, err
	}
	defer from.close()
	lab := &lab{settings: s, subject: r, from: from, dir: filepath.Join(s.work, "runs")}
	if lab.want, err = contents(ctx, r.dir); err != nil {
		return res, err
	}
	if lab.people, err = readPeople(ctx, r.dir); err != nil {
		return res, err
	}
	err = lab.measure(ctx, &res)
	res.checked = lab.checked
	return res, err
}

// measure fills in res, or with -check only what compares histories.
func (l *lab) measure(ctx context.Context, res *result) (err error) {
	if res.rewrite, err = l.rewriting(ctx); err != nil || l.compare {
		return err
	}
	if res.remap, err = l.remapping(ctx); err != nil {
		return err
	}
	if res.listing, err = l.pairs(ctx, "rehome authors PATH", l.authors, l.gitLog); err != nil {
		return err
	}
	if res.cli, err = l.pairs(ctx, "rehome import URL DIR", l.importOnce, l.mirror); err != nil {
		return err
	}
	if res.host, res.mapped, err = l.hostPairs(ctx); err != nil {
		return err
	}
	if res.authors, err = l.authorsKnown(ctx); err != nil {
		return err
	}
	res.survey, err = l.surveyCost(ctx)
	return err
}

// lab runs the sides on one repository.
type lab struct {
	settings
	subject
	from    *origin
	dir     string  // emptied before each run
	want    content // what has to arrive
	people  *people
	checked []string // kinds of run whose result was looked at by git fsck
}

// side is one side of a comparison; it leaves its result below dir.
type side func(ctx context.Context, dir string) (cost, error)

// pairs runs the sides in turn, A B A B.
func (l *lab) pairs(ctx context.Context, what string, ours, theirs side) ([]pair, error) {
	var list []pair
	for n := range l.settings.pairs {
		var p pair
		var err error
		if p.ours, err = l.fresh(ctx, ours); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		if p.theirs, err = l.fresh(ctx, theirs); err != nil {
			return nil, fmt.Errorf("git's side of %s: %w", what, err)
		}
		p.log(what, n)
		list = append(list, p)
	}
	return list, nil
}

func (p pair) log(what string, n int) {
	log.Printf("%s %d: %.2f s of processor, git %.2f s, ratio %.3f, %d MiB against %d MiB",
		what, n+1, p.ours.cpu, p.theirs.cpu, p.ours.cpu/p.theirs.cpu, p.ours.memory>>20, p.theirs.memory>>20)
}

func (l *lab) fresh(ctx context.Context, run side) (cost, error) {
	if err := os.RemoveAll(l.dir); err != nil {
		return cost{}, err
	}
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(l.dir)
	return run(ctx, l.dir)
}

// importOnce is rehome import URL DIR.
func (l *lab) importOnce(ctx context.Context, dir string) (cost, error) {
	to := filepath.Join(dir, "rehome.git")
	c, err := timed(ctx, nil, environment(), l.rehome, "import", "--quiet", l.from.URL, to)
	if err != nil {
		return c, err
	}
	return c, l.check(ctx, "rehome import", to)
}

// mirror is git clone --mirror URL DIR.
func (l *lab) mirror(ctx context.Context, dir string) (cost, error) {
	return timed(ctx, nil, environment(), "git", "clone", "-q", "--mirror", l.from.URL, filepath.Join(dir, "mirror.git"))
}

// mirrorAndPush is git clone --mirror, then git push --mirror into an empty bare repository.
func (l *lab) mirrorAndPush(ctx context.Context, dir string) (cost, error) {
	cloned, err := l.mirror(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	empty := filepath.Join(dir, "empty.git")
	if _, err := git(ctx, dir, "init", "-q", "--bare", empty); err != nil {
		return cost{}, err
	}
	pushed, err := timed(ctx, nil, environment(), "git", "-C", filepath.Join(dir, "mirror.git"), "push", "-q", "--mirror", empty)
	return cloned.plus(pushed), err
}

// check holds what arrived at dir against the source.
func (l *lab) check(ctx context.Context, kind, dir string) error {
	have, err := contents(ctx, dir)
	if err != nil {
		return err
	}
	if have != l.want {
		return fmt.Errorf("%s: %s arrived, %s was sent", kind, have, l.want)
	}
	return l.fsckOnce(ctx, kind, dir)
}

// fsckOnce asks git fsck about the first result of each kind.
func (l *lab) fsckOnce(ctx context.Context, kind, dir string) error {
	if slices.Contains(l.checked, kind) {
		return nil
	}
	l.checked = append(l.checked, kind)
	_, err := git(ctx, dir, "fsck", "--full", "--no-dangling", "--no-progress")
	return err
}
