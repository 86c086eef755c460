package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"rehome"
	"rehome/internal/rewrite"
)

// What is measured with large files: git lfs migrate counts a file as large from the size it is given, we above it.
const (
	migrateAbove = "1mb"
	convertOver  = 1_000_000 - 1
)

// largeRows is everything measured on one repository with large files.
type largeRows struct {
	subject
	raw       cost // rehome import of it
	converted []pair
	compared  comparison
	optedIn   cost   // opt_in after an import into the host was complete
	remapped  []cost // an author mapped after that
	huge      hugeRow
}

// madeWith is the history that conversions are measured on, like that of mermaid, which had 976 files above a megabyte.
var madeWith = largeShape{commits: 16_000, releases: 55, unit: 1_000_000}

// madeVersion counts changes of how that history is made, since it is kept for the next time.
const madeVersion = 1

// measureLarge measures and compares the conversion of large files.
func measureLarge(ctx context.Context, s settings) (rows largeRows, err error) {
	dir, err := kept(ctx, fmt.Sprintf("large-files-%d.git", madeVersion), func(w io.Writer) error { return writeLarge(w, madeWith) })
	if err != nil {
		return rows, err
	}
	work := filepath.Join(s.work, "large")
	if rows.subject, err = look(ctx, dir, filepath.Join(work, "copies")); err != nil {
		return rows, err
	}
	log.Printf("== %s: %d commits, %d objects, %d MB", rows.name, rows.commits, rows.objects, rows.bytes>>20)
	l := &lab{settings: s, subject: rows.subject, dir: filepath.Join(work, "runs")}
	if l.from, err = serve(ctx, rows.dir); err != nil {
		return rows, err
	}
	defer l.from.close()
	if l.people, err = readPeople(ctx, rows.dir); err != nil {
		return rows, err
	}
	if err := l.converting(ctx, work, &rows); err != nil || s.compare {
		return rows, err
	}
	if err := l.remapConverted(ctx, &rows); err != nil {
		return rows, fmt.Errorf("map an author after a conversion: %w", err)
	}
	rows.huge, err = l.hugeRow(ctx)
	return rows, err
}

// kept returns the folder of a history that lies in the user's cache and is made once.
func kept(ctx context.Context, name string, write func(io.Writer) error) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "rehome-bench", name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	log.Printf("making %s, for this time and later ones", dir)
	return dir, synthesize(ctx, dir, write)
}

// converting imports once, then runs both sides in turn on that and on copies of the source.
func (l *lab) converting(ctx context.Context, work string, rows *largeRows) (err error) {
	dir := filepath.Join(work, "convert")
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if rows.raw, err = timed(ctx, nil, environment(), l.rehome, "import", "--quiet", l.from.URL, filepath.Join(dir, "raw.git")); err != nil {
		return err
	}
	for n := range l.settings.pairs {
		var p pair
		if p.ours, err = l.convertOnce(ctx, dir); err != nil {
			return err
		}
		if p.theirs, err = l.migrateOnce(ctx, dir); err != nil {
			return err
		}
		p.log("conversion to Git LFS", n)
		rows.converted = append(rows.converted, p)
		if n == 0 {
			if rows.compared, err = l.compareConverted(ctx, dir); err != nil || l.compare {
				return err
			}
		}
	}
	return nil
}

// convertOnce converts dir/raw.git into dir/into.git, with the objects in its folder lfs.
func (l *lab) convertOnce(ctx context.Context, dir string) (cost, error) {
	into := filepath.Join(dir, "into.git")
	if err := os.RemoveAll(into); err != nil {
		return cost{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return cost{}, err
	}
	return timed(ctx, nil, environment(), self, innerCommand, "convert", filepath.Join(dir, "raw.git"), into, dir)
}

// innerConvert makes the large files of the repository raw Git LFS objects in a new one. It leaves work/result and work/commit-map.
func innerConvert(ctx context.Context, raw, into, work string) error {
	return rewriteInto(ctx, raw, into, work, rewrite.Plan{Large: rewrite.LargeFiles{Choice: rehome.LFSOptIn, Over: convertOver}})
}

// migrateOnce runs git lfs migrate on a fresh copy of the source, dir/migrated.git.
func (l *lab) migrateOnce(ctx context.Context, dir string) (cost, error) {
	copied := filepath.Join(dir, "migrated.git")
	if err := os.RemoveAll(copied); err != nil {
		return cost{}, err
	}
	if _, err := git(ctx, dir, "clone", "-q", "--mirror", l.subject.dir, copied); err != nil {
		return cost{}, err
	}
	return timed(ctx, nil, environment(), "git", "-C", copied, "lfs", "migrate", "import", "--everything", "--above="+migrateAbove, "--yes")
}

// remapConverted imports, lets the server convert, and maps an author to one name after the other. No file is converted again.
func (l *lab) remapConverted(ctx context.Context, rows *largeRows) error {
	who, _ := l.people.touching(remapShare)
	_, err := l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		s, err := l.startServer(ctx, dir, "--large-files-over", fmt.Sprint(convertOver))
		if err != nil {
			return cost{}, err
		}
		defer s.stop()
		if err := s.importAndWait(ctx, l.from.URL); err != nil {
			return cost{}, err
		}
		rows.optedIn, err = s.measured(func() error {
			return errors.Join(s.call(ctx, "PATCH", "/repos/admin/bench/import/lfs", `{"use_lfs": "opt_in"}`, nil), s.wait(ctx, "complete"))
		})
		if err != nil {
			return cost{}, err
		}
		log.Printf("opt_in after the push, published again: %.2f s of processor, %d MiB", rows.optedIn.cpu, rows.optedIn.memory>>20)
		before, err := keptContent(dir)
		if err != nil {
			return cost{}, err
		}
		if rows.remapped, err = l.mapRuns(ctx, s, who); err != nil {
			return cost{}, err
		}
		after, err := keptContent(dir)
		if err == nil && before != after {
			err = fmt.Errorf("content or objects were made again:\n%s\nand now\n%s", before, after)
		}
		return cost{}, err
	})
	return err
}

// mapRuns maps who as often as asked.
func (l *lab) mapRuns(ctx context.Context, s *server, who rehome.Identity) ([]cost, error) {
	path, err := s.author(ctx, who)
	if err != nil {
		return nil, err
	}
	var runs []cost
	for n := range l.settings.pairs {
		body, _ := json.Marshal(map[string]string{"name": fmt.Sprintf("Mapped Person %d", n), "email": replaced.Mail})
		c, err := s.measured(func() error {
			return errors.Join(s.call(ctx, "PATCH", path, string(body), nil), s.wait(ctx, "complete"))
		})
		if err != nil {
			return nil, err
		}
		log.Printf("mapping %q after a conversion, published again: %.2f s of processor", who, c.cpu)
		runs = append(runs, c)
	}
	return runs, nil
}

// keptContent describes the largest pack of the host's repository and all Git LFS objects, with the times they were made.
func keptContent(dir string) (string, error) {
	var said strings.Builder
	packs, err := filepath.Glob(filepath.Join(dir, "data", "host", "*", "objects", "pack", "*.pack"))
	if err != nil {
		return "", err
	}
	var largest os.FileInfo
	for _, file := range packs {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		if largest == nil || info.Size() > largest.Size() {
			largest = info
		}
	}
	objects, err := filepath.Glob(filepath.Join(dir, "data", "lfs", "objects", "*", "*", "*"))
	if err != nil || largest == nil {
		return "", errors.Join(err, errors.New("the host has no pack"))
	}
	fmt.Fprintln(&said, largest.Name(), largest.ModTime())
	for _, file := range objects {
		info, err := os.Stat(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(&said, info.Name(), info.ModTime())
	}
	return said.String(), nil
}
