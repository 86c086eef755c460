package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// against pairs our runs with one of git filter-repo just before: it takes long, and its processor time hardly changes between runs.
func (l *lab) against(ctx context.Context, ours func() ([]cost, error), what, mail string, flags ...string) ([]pair, error) {
	theirs, err := l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		c, _, err := l.filterRepo(ctx, dir, mail, flags...)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	runs, err := ours()
	if err != nil {
		return nil, err
	}
	var list []pair
	for n, c := range runs {
		p := pair{ours: c, theirs: theirs}
		p.log("author rewrite against "+what, n)
		list = append(list, p)
	}
	return list, nil
}

// filterRepo maps everybody with a mail to somebody else, in a fresh copy below dir, and returns what that cost and the commit map.
func (l *lab) filterRepo(ctx context.Context, dir, mail string, flags ...string) (cost, map[string]string, error) {
	copied, mailmap := filepath.Join(dir, "filter-repo.git"), filepath.Join(dir, "mailmap")
	if err := os.WriteFile(mailmap, []byte(mailmapLine(mail)), 0o644); err != nil {
		return cost{}, nil, err
	}
	if _, err := git(ctx, dir, "clone", "-q", "--mirror", l.subject.dir, copied); err != nil {
		return cost{}, nil, err
	}
	args := append([]string{"-C", copied, "filter-repo", "--quiet", "--force", "--mailmap", mailmap}, flags...)
	c, err := timed(ctx, nil, environment(), "git", args...)
	if err != nil {
		return c, nil, err
	}
	commits, err := readCommitMap(filepath.Join(copied, "filter-repo", "commit-map"))
	return c, commits, err
}

// mailmapLine maps everybody with a mail, in whatever case.
func mailmapLine(mail string) string { return fmt.Sprintf("%s <%s>\n", replaced, mail) }

// compareIDs holds the commit map in dir against what git filter-repo makes of the same history, notes aside. Git's
// fast-export, through which it goes, cannot represent every history: where it keeps a commit's id
// when nothing is mapped, it can, and there the ids have to be equal.
func (l *lab) compareIDs(ctx context.Context, dir, mail string) (e equalIDs, err error) {
	ours, err := readCommitMap(filepath.Join(dir, "commit-map"))
	if err != nil {
		return e, err
	}
	verbatim := []string{"--partial", "--preserve-commit-hashes", "--preserve-commit-encoding"}
	theirs, err := l.filterRepoMap(ctx, mail, verbatim)
	if err != nil {
		return e, err
	}
	idle, err := l.filterRepoMap(ctx, "nobody-at-all@example.com", verbatim)
	if err != nil {
		return e, err
	}
	notes, err := l.notes(ctx)
	if err != nil {
		return e, err
	}
	for old, id := range ours {
		if notes[old] {
			continue
		}
		e.commits++
		if theirs[old] == id {
			e.equal++
		}
		if idle[old] == old {
			e.kept++
			if theirs[old] != id {
				return e, fmt.Errorf("%s becomes %s, with git filter-repo %s", old, id, theirs[old])
			}
		}
	}
	if e.commits == 0 {
		return e, errors.New("the commit map is empty")
	}
	log.Printf("ids that git filter-repo gives too: %d of %d commits; it represents %d of them truly, and there all are equal", e.equal, e.commits, e.kept)
	return e, nil
}

func (l *lab) filterRepoMap(ctx context.Context, mail string, flags []string) (commits map[string]string, err error) {
	_, err = l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		var c cost
		c, commits, err = l.filterRepo(ctx, dir, mail, flags...)
		return c, err
	})
	return commits, err
}

// notes returns the commits below refs/notes: their trees name commits by id, which git filter-repo leaves alone.
func (l *lab) notes(ctx context.Context) (map[string]bool, error) {
	list, err := git(ctx, l.subject.dir, "rev-list", "--glob=refs/notes")
	notes := map[string]bool{}
	for id := range strings.FieldsSeq(list) {
		notes[id] = true
	}
	return notes, err
}
