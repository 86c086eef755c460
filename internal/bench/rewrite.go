package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"rehome"
	"rehome/internal/git/repo"
	"rehome/internal/lfs"
	"rehome/internal/rewrite"
	"rehome/internal/testenv"
)

// rewriting is the author rewrite alone, the busiest author becoming somebody else.
type rewriting struct {
	partial, plain []pair // git filter-repo with and without --partial ran once each
	nobody         []cost // a map that matches nobody
	done           testenv.Compared
	ids            equalIDs
}

// equalIDs says how many commits, those of notes aside, have the id that git filter-repo gives them too.
type equalIDs struct {
	equal, commits int
	kept           int // of which git filter-repo keeps the id when it has nothing to do, so that ours must be equal
}

// rewriting measures and compares the rewrite of a repository that was fetched before.
func (l *lab) rewriting(ctx context.Context) (r rewriting, err error) {
	dir := filepath.Join(l.work, "rewrite")
	if err := os.RemoveAll(dir); err != nil {
		return r, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	mail, ids := l.people.busiest()
	log.Printf("mapping the %d identities of %s", len(ids), mail)
	if _, err := timed(ctx, nil, environment(), l.rehome, "import", "--quiet", l.from.URL, filepath.Join(dir, "raw.git")); err != nil {
		return r, err
	}
	if r.nobody, err = l.rewriteNobody(ctx, dir); err != nil {
		return r, err
	}
	if _, err := l.rewriteOnce(ctx, dir, ids); err != nil {
		return r, err
	}
	if r.done, err = l.compareRewritten(ctx, dir, ids); err != nil {
		return r, fmt.Errorf("compare the rewritten history with its source: %w", err)
	}
	if r.ids, err = l.compareIDs(ctx, dir, mail); err != nil || l.compare {
		return r, err
	}
	ours := func() ([]cost, error) { return l.rewriteRuns(ctx, dir, ids) }
	if r.partial, err = l.against(ctx, ours, "filter-repo --partial", mail, "--partial"); err != nil {
		return r, err
	}
	r.plain, err = l.against(ctx, ours, "filter-repo", mail)
	return r, err
}

// rewriteRuns rewrites dir/raw.git into dir/into.git, as often as asked.
func (l *lab) rewriteRuns(ctx context.Context, dir string, ids []rehome.Identity) ([]cost, error) {
	var runs []cost
	for range l.settings.pairs {
		c, err := l.rewriteOnce(ctx, dir, ids)
		if err != nil {
			return nil, err
		}
		log.Printf("rewriting %d identities: %.2f s of processor, %d MiB", len(ids), c.cpu, c.memory>>20)
		runs = append(runs, c)
	}
	return runs, nil
}

func (l *lab) rewriteNobody(ctx context.Context, dir string) ([]cost, error) {
	nobody := []rehome.Identity{{Name: "Nobody At All", Mail: "nobody-at-all@example.com"}}
	runs, err := l.rewriteRuns(ctx, dir, nobody)
	if err != nil {
		return nil, err
	}
	got, err := readRewritten(dir)
	if err == nil && got.Pack != "" {
		err = errors.New("a map that matches nobody made a pack")
	}
	return runs, err
}

func (l *lab) rewriteOnce(ctx context.Context, dir string, ids []rehome.Identity) (cost, error) {
	into := filepath.Join(dir, "into.git")
	if err := os.RemoveAll(into); err != nil {
		return cost{}, err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return cost{}, err
	}
	if err := os.WriteFile(filepath.Join(dir, "identities"), list, 0o644); err != nil {
		return cost{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	return timed(ctx, nil, environment(), self, innerCommand, "rewrite", filepath.Join(dir, "raw.git"), into, dir)
}

// rewritten is what an inner rewrite leaves in its folder, beside the commit map.
type rewritten struct {
	Refs []string // commands for git update-ref
	Pack string
	Done testenv.Compared
}

// innerRewrite rewrites the repository raw into a new one. It takes work/identities and leaves work/result and work/commit-map.
func innerRewrite(ctx context.Context, raw, into, work string) error {
	var ids []rehome.Identity
	list, err := os.ReadFile(filepath.Join(work, "identities"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(list, &ids); err != nil {
		return err
	}
	plan := rewrite.Plan{Authors: map[rehome.Identity]rehome.Identity{}}
	for _, id := range ids {
		plan.Authors[id] = replaced
	}
	return rewriteInto(ctx, raw, into, work, plan)
}

// rewriteInto rewrites all of the repository raw into a new one, with Git LFS objects in its folder lfs, and leaves work/result and work/commit-map.
func rewriteInto(ctx context.Context, raw, into, work string, plan rewrite.Plan) error {
	from, err := repo.Open(raw)
	if err != nil {
		return err
	}
	to, err := repo.Init(into, from.Format())
	if err != nil {
		return err
	}
	store, err := lfs.Local(filepath.Join(into, "lfs"))
	if err != nil {
		return err
	}
	o := rewrite.Options{From: from, Into: to, Plan: plan, Store: store}
	if o.Refs, err = from.Refs(); err != nil {
		return err
	}
	got, err := rewrite.Run(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(writeResult(filepath.Join(work, "result"), got), writeMap(filepath.Join(work, "commit-map"), got))
}

func writeResult(file string, got *rewrite.Result) error {
	r := rewritten{Pack: got.Pack, Done: testenv.Compared{
		Commits: got.Commits, CommitsChanged: got.CommitsChanged, TagsChanged: got.TagsChanged, SignaturesDropped: got.SignaturesDropped,
	}}
	for _, ref := range got.Refs {
		r.Refs = append(r.Refs, fmt.Sprintf("create %s %s\n", ref.Name, ref.Final))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

func writeMap(file string, got *rewrite.Result) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(got.WriteMap(out), out.Close())
}

func readRewritten(dir string) (r rewritten, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "result"))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// compareRewritten makes dir/into.git whole, by borrowing the content of dir/raw.git, and compares it with the source.
func (l *lab) compareRewritten(ctx context.Context, dir string, ids []rehome.Identity) (testenv.Compared, error) {
	into := filepath.Join(dir, "into.git")
	got, err := readRewritten(dir)
	if err != nil {
		return got.Done, err
	}
	borrow := filepath.Join(dir, "raw.git", "objects") + "\n"
	if err := os.WriteFile(filepath.Join(into, "objects", "info", "alternates"), []byte(borrow), 0o644); err != nil {
		return got.Done, err
	}
	if _, err := testenv.Run(ctx, into, strings.NewReader(strings.Join(got.Refs, "")), "update-ref", "--stdin"); err != nil {
		return got.Done, err
	}
	commits, err := readCommitMap(filepath.Join(dir, "commit-map"))
	if err != nil {
		return got.Done, err
	}
	return got.Done, l.compareWith(ctx, "rewrite", into, testenv.Rewritten{People: becoming(ids, replaced), Commits: commits}, got.Done)
}

// compareWith compares a rewritten repository with the source, wants the counts to be those said, and asks git fsck.
func (l *lab) compareWith(ctx context.Context, kind, dir string, how testenv.Rewritten, said testenv.Compared) error {
	seen, err := how.Compare(ctx, l.subject.dir, dir)
	if err != nil {
		return err
	}
	if seen != said {
		return fmt.Errorf("%s says %+v, git sees %+v", kind, said, seen)
	}
	log.Printf("%s: every commit and tag is as it should be: %+v", kind, seen)
	return l.fsckOnce(ctx, kind, dir)
}

func becoming(ids []rehome.Identity, to rehome.Identity) map[string]string {
	people := map[string]string{}
	for _, id := range ids {
		people[id.String()] = to.String()
	}
	return people
}

func readCommitMap(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return testenv.ReadCommitMap(text)
}
