package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"rehome"
	"rehome/internal/testenv"
)

// forgeRows is everything measured on the way of one repository to a forge. What counts is the sender's side.
type forgeRows struct {
	subject
	plain, mapped, served []pair // whole imports; served is by a server
	second                secondPushes
	resync                resyncs
	checked               []string
}

// forgeLab runs the sides on one repository and a forge.
type forgeLab struct {
	*lab
	to *forge
}

// measureForge measures the repositories, or with -check goes through everything once and compares.
func measureForge(ctx context.Context, s settings, repositories []subject) (all []forgeRows, err error) {
	if s.compare {
		s.pairs = 1
	}
	for _, r := range repositories {
		log.Printf("== %s to a forge: %d commits, %d objects, %d MB", r.name, r.commits, r.objects, r.bytes>>20)
		rows, err := measureForgeOf(ctx, s, r)
		if err != nil {
			return nil, fmt.Errorf("%s to a forge: %w", r.name, err)
		}
		all = append(all, rows)
	}
	return all, nil
}

func measureForgeOf(ctx context.Context, s settings, r subject) (rows forgeRows, err error) {
	rows.subject = r
	root := filepath.Join(s.work, "forge")
	defer os.RemoveAll(root)
	to, err := serveForge(root)
	if err != nil {
		return rows, err
	}
	defer to.close()
	from, err := serve(ctx, r.dir)
	if err != nil {
		return rows, err
	}
	defer from.close()
	l := &forgeLab{&lab{settings: s, subject: r, from: from, dir: filepath.Join(s.work, "runs")}, to}
	if l.want, err = contents(ctx, r.dir); err != nil {
		return rows, err
	}
	if l.people, err = readPeople(ctx, r.dir); err != nil {
		return rows, err
	}
	if err := l.imports(ctx, &rows); err != nil {
		return rows, err
	}
	if rows.second, err = l.secondPushes(ctx); err != nil {
		return rows, err
	}
	rows.resync, err = l.resyncs(ctx)
	rows.checked = l.checked
	return rows, err
}

// imports runs the command without and with an author map, a server, and git's side, in turn.
func (l *forgeLab) imports(ctx context.Context, rows *forgeRows) error {
	for n := range l.settings.pairs {
		theirs, err := l.fresh(ctx, l.mirrorToForge)
		if err != nil {
			return err
		}
		for _, one := range []struct {
			what string
			run  side
			into *[]pair
		}{
			{"import to a forge", l.plainToForge, &rows.plain},
			{"import to a forge with an author map", l.mappedToForge, &rows.mapped},
			{"import to a forge by a server", l.serverToForge, &rows.served},
		} {
			ours, err := l.fresh(ctx, one.run)
			if err != nil {
				return fmt.Errorf("%s: %w", one.what, err)
			}
			p := pair{ours, theirs}
			p.log(one.what, n)
			*one.into = append(*one.into, p)
		}
	}
	return nil
}

// mirrorToForge is git clone --mirror, then git push --mirror URL.
func (l *forgeLab) mirrorToForge(ctx context.Context, dir string) (cost, error) {
	at, err := l.to.empty(ctx)
	if err != nil {
		return cost{}, err
	}
	defer at.remove()
	cloned, err := l.mirror(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	pushed, err := timed(ctx, nil, environment(), "git", "-C", filepath.Join(dir, "mirror.git"), "push", "-q", "--mirror", at.url)
	return cloned.plus(pushed), err
}

// plainToForge is rehome import URL URL.
func (l *forgeLab) plainToForge(ctx context.Context, dir string) (cost, error) {
	at, err := l.to.empty(ctx)
	if err != nil {
		return cost{}, err
	}
	defer at.remove()
	c, err := timed(ctx, nil, stateIn(dir), l.rehome, "import", "--quiet", l.from.URL, at.url)
	if err != nil {
		return c, err
	}
	return c, l.check(ctx, "import to a forge", at.dir)
}

// stateIn is an environment in which rehome keeps its state below dir.
func stateIn(dir string) []string { return append(environment(), "XDG_STATE_HOME="+dir) }

// mappedToForge is rehome import --authors FILE URL URL.
func (l *forgeLab) mappedToForge(ctx context.Context, dir string) (cost, error) {
	at, err := l.to.empty(ctx)
	if err != nil {
		return cost{}, err
	}
	defer at.remove()
	m := l.mapping(dir, replaced)
	if err := m.write(); err != nil {
		return cost{}, err
	}
	args := append([]string{"import", "--quiet"}, m.flags()...)
	c, err := timed(ctx, nil, stateIn(dir), l.rehome, append(args, l.from.URL, at.url)...)
	if err != nil {
		return c, err
	}
	return c, l.checkMappedTo(ctx, "import to a forge with an author map", at, m)
}

// mapping is an author map for the command line, and the files it leaves.
type mapping struct {
	dir  string
	mail string
	ids  []rehome.Identity // that have the mail
	to   rehome.Identity
}

// mapping makes the busiest somebody else.
func (l *forgeLab) mapping(dir string, to rehome.Identity) mapping {
	mail, ids := l.people.busiest()
	return mapping{dir, mail, ids, to}
}

func (m mapping) file(name string) string { return filepath.Join(m.dir, name) }

func (m mapping) write() error {
	return os.WriteFile(m.file("authors"), fmt.Appendf(nil, "%s <%s>\n", m.to, m.mail), 0o644)
}

func (m mapping) flags() []string {
	return []string{"--authors", m.file("authors"), "--commit-map", m.file("commit-map"), "--receipt", m.file("receipt")}
}

// checkMappedTo compares every commit and tag of a destination with the source's.
func (l *forgeLab) checkMappedTo(ctx context.Context, kind string, at home, m mapping) error {
	text, err := os.ReadFile(m.file("receipt"))
	if err != nil {
		return err
	}
	var said struct {
		Commits        int64
		CommitsChanged int64 `json:"commits_changed"`
		TagsChanged    int64 `json:"tags_changed"`
		Signatures     int64 `json:"signatures_dropped"`
	}
	commits, err := readCommitMap(m.file("commit-map"))
	if err := errors.Join(err, json.Unmarshal(text, &said)); err != nil {
		return err
	}
	done := testenv.Compared{Commits: said.Commits, CommitsChanged: said.CommitsChanged, TagsChanged: said.TagsChanged, SignaturesDropped: said.Signatures}
	return l.compareWith(ctx, kind, at.dir, testenv.Rewritten{People: becoming(m.ids, m.to), Commits: commits}, done)
}

// serverToForge is a whole import of a running server to a forge, through the REST API.
func (l *forgeLab) serverToForge(ctx context.Context, dir string) (cost, error) {
	at, err := l.to.empty(ctx)
	if err != nil {
		return cost{}, err
	}
	defer at.remove()
	s, err := l.startServer(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	defer s.stop()
	c, err := s.measured(func() error {
		body, _ := json.Marshal(map[string]string{"url": at.url})
		return errors.Join(s.call(ctx, "PUT", benchImport+"/destination", string(body), nil), s.importAndWait(ctx, l.from.URL))
	})
	if err != nil {
		return c, err
	}
	return c, l.check(ctx, "import to a forge by a server", at.dir)
}
