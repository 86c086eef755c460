package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"rehome"
	"rehome/internal/testenv"
)

// hostPairs runs an import into the host, one whose author map is known before the first push, and git's side, in turn.
func (l *lab) hostPairs(ctx context.Context) (plain, mapped []pair, err error) {
	for n := range l.settings.pairs {
		var p, m pair
		if p.ours, err = l.fresh(ctx, l.hostImport); err != nil {
			return nil, nil, fmt.Errorf("import into the host: %w", err)
		}
		if m.ours, err = l.fresh(ctx, l.mappedImport); err != nil {
			return nil, nil, fmt.Errorf("import into the host with an author map: %w", err)
		}
		if p.theirs, err = l.fresh(ctx, l.mirrorAndPush); err != nil {
			return nil, nil, err
		}
		m.theirs = p.theirs
		p.log("import into the host", n)
		m.log("import into the host with an author map", n)
		plain, mapped = append(plain, p), append(mapped, m)
	}
	return plain, mapped, nil
}

// mappedImport is an import into the host whose author map is there before anything is pushed.
func (l *lab) mappedImport(ctx context.Context, dir string) (cost, error) {
	s, err := l.startServer(ctx, dir)
	if err != nil {
		return cost{}, err
	}
	defer s.stop()
	mail, ids := l.people.busiest()
	c, err := s.measured(func() error {
		return errors.Join(
			s.start(ctx, map[string]any{"vcs": "git", "vcs_url": l.from.URL, "hold": true}),
			s.call(ctx, "PUT", "/repos/admin/bench/import/authors", mailmapLine(mail), nil),
			s.wait(ctx, "waiting_to_push"),
			s.call(ctx, "POST", "/repos/admin/bench/import/approve", "", nil),
			s.wait(ctx, "complete"))
	})
	if err != nil {
		return c, err
	}
	return c, l.checkMapped(ctx, s, dir, "import into the host with an author map", becoming(ids, replaced))
}

// checkMapped compares what the host has with the source, and wants nothing there that the refs do not reach.
func (l *lab) checkMapped(ctx context.Context, s *server, dir, kind string, people map[string]string) error {
	published, err := onlyRepository(filepath.Join(dir, "data", "host"))
	if err != nil {
		return err
	}
	var text []byte
	var said struct {
		Commits        int64
		CommitsChanged int64 `json:"commits_changed"`
		TagsChanged    int64 `json:"tags_changed"`
		Signatures     int64 `json:"signatures_dropped"`
	}
	err = errors.Join(
		s.call(ctx, "GET", "/repos/admin/bench/import/commit_map", "", &text),
		s.call(ctx, "GET", "/repos/admin/bench/import/receipt", "", &said))
	if err != nil {
		return err
	}
	commits, err := testenv.ReadCommitMap(text)
	if err != nil {
		return err
	}
	done := testenv.Compared{Commits: said.Commits, CommitsChanged: said.CommitsChanged, TagsChanged: said.TagsChanged, SignaturesDropped: said.Signatures}
	if err := l.compareWith(ctx, kind, published, testenv.Rewritten{People: people, Commits: commits}, done); err != nil {
		return err
	}
	return noneLeft(ctx, published, commits)
}

// noneLeft wants no commit in dir that became another one.
func noneLeft(ctx context.Context, dir string, commits map[string]string) error {
	var old strings.Builder
	for from, to := range commits {
		if from != to {
			fmt.Fprintln(&old, from)
		}
	}
	out, err := testenv.Run(ctx, dir, strings.NewReader(old.String()), "cat-file", "--batch-check=left")
	if err == nil && strings.Contains("\n"+out+"\n", "\nleft\n") {
		err = fmt.Errorf("commits that were replaced are still in %s", filepath.Base(dir))
	}
	return err
}

// remapping is a change of one author after an import is complete, publishing included.
type remapping struct {
	commits int    // that the author made, and what follows them
	plain   []cost // where nothing else was mapped
	mapped  []cost // where the busiest author had been mapped before
}

// remapShare is how much of history the remapped author should touch.
const remapShare = 0.02

// superseded is how long the host may take to let go of replaced history.
const superseded = 30 * time.Second

// remapping imports once and then maps the same author to one name after the other; then once more, with the busiest mapped, too.
func (l *lab) remapping(ctx context.Context) (r remapping, err error) {
	who, touched := l.people.touching(remapShare)
	r.commits = touched
	_, err = l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		s, err := l.startServer(ctx, dir)
		if err != nil {
			return cost{}, err
		}
		defer s.stop()
		if err := s.importAndWait(ctx, l.from.URL); err != nil {
			return cost{}, err
		}
		if r.plain, err = l.remapRuns(ctx, s, dir, who, map[string]string{}); err != nil {
			return cost{}, err
		}
		mail, ids := l.people.busiest()
		err = errors.Join(s.call(ctx, "PUT", "/repos/admin/bench/import/authors", mailmapLine(mail), nil), s.wait(ctx, "complete"))
		if err != nil {
			return cost{}, err
		}
		r.mapped, err = l.remapRuns(ctx, s, dir, who, becoming(ids, replaced))
		return cost{}, err
	})
	return r, err
}

// remapRuns maps who, where people are mapped already.
func (l *lab) remapRuns(ctx context.Context, s *server, dir string, who rehome.Identity, people map[string]string) ([]cost, error) {
	path, err := s.author(ctx, who)
	if err != nil {
		return nil, err
	}
	published, err := onlyRepository(filepath.Join(dir, "data", "host"))
	if err != nil {
		return nil, err
	}
	var runs []cost
	for n := range l.settings.pairs {
		to := rehome.Identity{Name: "Mapped Person " + strconv.Itoa(n), Mail: replaced.Mail}
		body, _ := json.Marshal(map[string]string{"name": to.Name, "email": to.Mail})
		c, err := s.measured(func() error {
			return errors.Join(s.call(ctx, "PATCH", path, string(body), nil), s.wait(ctx, "complete"), onlyTwoPacks(published))
		})
		if err != nil {
			return nil, err
		}
		log.Printf("mapping %q after the push, published again: %.2f s of processor", who, c.cpu)
		runs = append(runs, c)
		people[who.String()] = to.String()
	}
	return runs, l.checkMapped(ctx, s, dir, "maps after the push", people)
}

// author finds the path of an identity among an import's authors.
func (s *server) author(ctx context.Context, who rehome.Identity) (string, error) {
	var authors []struct {
		ID   int64
		Name string `json:"remote_name"`
		Mail string `json:"remote_id"`
	}
	if err := s.call(ctx, "GET", "/repos/admin/bench/import/authors", "", &authors); err != nil {
		return "", err
	}
	for _, a := range authors {
		if a.Name == who.Name && a.Mail == who.Mail {
			return fmt.Sprintf("/repos/admin/bench/import/authors/%d", a.ID), nil
		}
	}
	return "", fmt.Errorf("no author %q", who)
}

// onlyTwoPacks waits until the host has let go of replaced history: then its repository has one pack of history and one of content.
func onlyTwoPacks(dir string) error {
	for end := time.Now().Add(superseded); ; time.Sleep(100 * time.Millisecond) {
		packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
		if err != nil || len(packs) == 2 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d packs in the host's repository, want 2", len(packs))
		}
	}
}
