// Command bench measures Rehome side by side with git, git filter-repo and git-lfs on the same repositories and writes docs/benchmarks.md.
//
// It serves each repository over smart HTTP on loopback, runs the two sides in
// turn (A B A B …), compares every ref and object at the end, and takes processor
// time with all children, peak anonymous memory and wall time. Rewritten histories are
// compared commit by commit with the source, and their ids with those of git filter-repo.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"rehome/internal/testenv"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 && os.Args[1] == innerCommand {
		if err := inner(os.Args[2:]); err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

// settings are the command line.
type settings struct {
	rehome  string
	pairs   int
	out     string
	work    string
	compare bool
	large   bool
	load    bool
	forge   bool
	workers bool
	hostile bool
}

func run(ctx context.Context) error {
	var s settings
	flag.StringVar(&s.rehome, "rehome", "bin/rehome", "the program to measure")
	flag.IntVar(&s.pairs, "pairs", 3, "paired runs of each measurement")
	flag.StringVar(&s.out, "out", "docs/benchmarks.md", "where the table goes")
	flag.StringVar(&s.work, "work", "", "folder for copies and clones; a temporary one when empty")
	flag.BoolVar(&s.compare, "check", false, "only rewrite and compare, commit by commit and with git filter-repo; writes no table")
	flag.BoolVar(&s.large, "large", false, "only measure with large files; the rest of the table stays")
	flag.BoolVar(&s.load, "load", false, "only measure the API under load; the rest of the table stays")
	flag.BoolVar(&s.forge, "forge", false, "only measure moves to a forge; the rest of the table stays")
	flag.BoolVar(&s.workers, "workers", false, "only measure several worker processes; the rest of the table stays")
	flag.BoolVar(&s.hostile, "hostile", false, "only measure beside hostile imports; the rest of the table stays")
	flag.Parse()
	var err error
	if s.rehome, err = filepath.Abs(s.rehome); err != nil {
		return err
	}
	if s.work == "" {
		if s.work, err = os.MkdirTemp("", "rehome-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(s.work)
	}
	all := !s.large && !s.load && !s.forge && !s.workers && !s.hostile
	var repositories []subject
	if all || s.forge {
		if repositories, err = subjects(ctx, flag.Args(), filepath.Join(s.work, "subjects")); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		chosen  bool
		measure func(context.Context, settings, []subject) error
	}{{all, measureAll}, {all || s.large, largePart}, {all && !s.compare || s.load, loadPart}, {all || s.forge, forgePart}, {all && !s.compare || s.workers, workersPart}, {all && !s.compare || s.hostile, hostilePart}} {
		if !part.chosen {
			continue
		}
		if err := part.measure(ctx, s, repositories); err != nil {
			return err
		}
	}
	return nil
}

func largePart(ctx context.Context, s settings, _ []subject) error {
	rows, err := measureLarge(ctx, s)
	if err != nil || s.compare {
		return err
	}
	return writeLargeRows(ctx, s, rows)
}

func loadPart(ctx context.Context, s settings, _ []subject) error {
	rows, err := measureLoad(ctx, s)
	if err != nil {
		return err
	}
	return writeLoadRows(ctx, s, rows)
}

func workersPart(ctx context.Context, s settings, _ []subject) error {
	rows, err := measureWorkers(ctx, s)
	if err != nil {
		return err
	}
	return writeWorkersRows(ctx, s, rows)
}

func hostilePart(ctx context.Context, s settings, _ []subject) error {
	rows, err := measureHostile(ctx, s)
	if err != nil {
		return err
	}
	return writeHostileRows(ctx, s, rows)
}

func forgePart(ctx context.Context, s settings, repositories []subject) error {
	rows, err := measureForge(ctx, s, repositories)
	if err != nil || s.compare {
		return err
	}
	return writeForgeRows(ctx, s, rows)
}

// measureAll measures what needs no forge.
func measureAll(ctx context.Context, s settings, repositories []subject) error {
	var results []result
	for _, r := range repositories {
		log.Printf("== %s: %d commits, %d objects, %d MB", r.name, r.commits, r.objects, r.bytes>>20)
		measured, err := measure(ctx, s, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		results = append(results, measured)
	}
	if s.compare {
		return nil
	}
	return write(ctx, s, results)
}

// subject is a repository to move.
type subject struct {
	name    string
	dir     string
	commits int64
	objects int64
	bytes   int64
}

// subjects takes the repositories named, or makes two up.
func subjects(ctx context.Context, named []string, dir string) ([]subject, error) {
	if len(named) == 0 {
		var err error
		if named, err = makeUp(ctx, dir); err != nil {
			return nil, err
		}
	}
	var list []subject
	for _, path := range named {
		s, err := look(ctx, path, dir)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// look counts what a repository holds, given as PATH or NAME=PATH. One with refs that would stay behind is
// copied below copies first, with other names for them, so that both sides move the same.
func look(ctx context.Context, path, copies string) (subject, error) {
	name, path, named := strings.Cut(path, "=")
	if !named {
		path, name = name, strings.TrimSuffix(filepath.Base(name), ".git")
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return subject{}, err
	}
	if dir, err = allCarried(ctx, dir, filepath.Join(copies, name+".git")); err != nil {
		return subject{}, err
	}
	s := subject{name: name, dir: dir}
	commits, err := git(ctx, dir, "rev-list", "--count", "--all")
	if err != nil {
		return subject{}, err
	}
	counted, err := git(ctx, dir, "count-objects", "-v")
	if err != nil {
		return subject{}, err
	}
	fmt.Sscan(commits, &s.commits)
	for line := range strings.Lines(counted) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var n int64
		fmt.Sscan(value, &n)
		switch name {
		case "count", "in-pack":
			s.objects += n
		case "size-pack":
			s.bytes += n << 10
		}
	}
	return s, nil
}

// allCarried returns dir, or a copy of it in which the refs that would stay behind have other names.
func allCarried(ctx context.Context, dir, to string) (string, error) {
	refs, err := git(ctx, dir, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return "", err
	}
	var rename strings.Builder
	for line := range strings.Lines(refs) {
		id, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !testenv.Carried(name) {
			fmt.Fprintf(&rename, "delete %s\ncreate refs/kept/%s %s\n", name, strings.TrimPrefix(name, "refs/"), id)
		}
	}
	if rename.Len() == 0 {
		return dir, nil
	}
	log.Printf("copying %s and renaming the refs that would stay behind", dir)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	if _, err := git(ctx, "", "-c", "safe.directory=*", "clone", "-q", "--mirror", dir, to); err != nil {
		return "", err
	}
	return to, setRefs(ctx, to, rename.String())
}

// setRefs carries out commands of git update-ref, and packs the refs.
func setRefs(ctx context.Context, dir, commands string) error {
	if _, err := testenv.Run(ctx, dir, strings.NewReader(commands), "update-ref", "--stdin"); err != nil {
		return err
	}
	_, err := git(ctx, dir, "pack-refs", "--all")
	return err
}

// makeUp makes two synthetic histories and returns their folders.
func makeUp(ctx context.Context, dir string) ([]string, error) {
	var made []string
	for _, size := range []testenv.Size{
		{Commits: 15_000, Files: 1500, Lines: 60, Authors: 400},
		{Commits: 80_000, Files: 4000, Lines: 80, Authors: 2000},
	} {
		path := filepath.Join(dir, fmt.Sprintf("synthetic-%dk.git", size.Commits/1000))
		made = append(made, path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		log.Printf("making %s", filepath.Base(path))
		err := synthesize(ctx, path, func(w io.Writer) error { return testenv.WriteSynthetic(w, size) })
		if err != nil {
			return nil, err
		}
	}
	return made, nil
}

// synthesize makes a bare repository of a fast-import stream, whole or not at all.
func synthesize(ctx context.Context, path string, write func(io.Writer) error) error {
	part := path + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	if _, err := git(ctx, part, "init", "-q", "--bare", "--initial-branch=trunk", "."); err != nil {
		return err
	}
	if err := fastImport(ctx, part, write); err != nil {
		return err
	}
	if _, err := git(ctx, part, "repack", "-q", "-a", "-d"); err != nil {
		return err
	}
	if _, err := git(ctx, part, "pack-refs", "--all"); err != nil {
		return err
	}
	return os.Rename(part, path)
}
