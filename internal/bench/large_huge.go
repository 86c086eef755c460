package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

// hugeRow is an import of one huge file that becomes a Git LFS object, cloned back with git-lfs.
type hugeRow struct {
	size int64
	cost cost
}

const (
	hugeBlocks = 5 << 10 // of hugeBlock bytes: 5 GiB
	hugeBlock  = 1 << 20
	hugeText   = 4 << 10 // bytes of text in each block, among zeros
)

// hugeVersion counts changes of what the huge file holds.
const hugeVersion = 1

func (l *lab) hugeRow(ctx context.Context) (row hugeRow, err error) {
	source, err := kept(ctx, fmt.Sprintf("huge-file-%d.git", hugeVersion), writeHuge)
	if err != nil {
		return row, err
	}
	row.size = hugeBlocks * hugeBlock
	from, err := serve(ctx, source)
	if err != nil {
		return row, err
	}
	defer from.close()
	row.cost, err = l.fresh(ctx, func(ctx context.Context, dir string) (cost, error) {
		to := filepath.Join(dir, "huge.git")
		c, err := timed(ctx, nil, environment(), l.rehome, "import", "--quiet", "--large-files", "lfs", from.URL, to)
		if err != nil {
			return c, err
		}
		log.Printf("a file of %d bytes: %.1f s of processor, %.1f s, %d MiB", row.size, c.cpu, c.wall, c.memory>>20)
		return c, clonesBack(ctx, to, filepath.Join(dir, "clone"))
	})
	return row, err
}

// writeHuge writes the fast-import stream of a history with one huge file.
func writeHuge(w io.Writer) error {
	const person = "Ada Lovelace <ada@example.com> 1500000000 +0000"
	if _, err := fmt.Fprintf(w, "commit refs/heads/trunk\nauthor %s\ncommitter %s\ndata 4\nfilm\nM 100644 inline film.bin\ndata %d\n", person, person, hugeBlocks*hugeBlock); err != nil {
		return err
	}
	if err := writeFilm(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// writeFilm writes what the huge file holds.
func writeFilm(w io.Writer) error {
	words, block := newVocabulary(4), make([]byte, hugeBlock)
	for range hugeBlocks {
		at := words.rand.IntN(hugeBlock - hugeText)
		text := block[at : at+hugeText]
		copy(text, words.fill(code, hugeText))
		if _, err := w.Write(block); err != nil {
			return err
		}
		clear(text)
	}
	return nil
}

// clonesBack wants a clone with git-lfs to have the file as it was.
func clonesBack(ctx context.Context, from, clone string) error {
	if _, err := git(ctx, filepath.Dir(clone), "clone", "-q", "-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true", from, clone); err != nil {
		return err
	}
	want := sha256.New()
	if err := writeFilm(want); err != nil {
		return err
	}
	got, _, err := hashFile(filepath.Join(clone, "film.bin"))
	if err == nil && got != fmt.Sprintf("%x", want.Sum(nil)) {
		err = errors.New("the clone's file is another one")
	}
	return err
}

// hashFile returns the SHA-256 of a file, in hex, and its size.
func hashFile(file string) (sum string, size int64, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	h := sha256.New()
	size, err = io.Copy(h, in)
	return fmt.Sprintf("%x", h.Sum(nil)), size, err
}
