package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/mailmap"
)

// planFlags say what is changed of a history.
type planFlags struct {
	authors   string
	trailers  bool
	hashes    bool
	largeOver size
}

func newPlanFlags() planFlags { return planFlags{largeOver: 100 << 20} }

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.authors, "authors", "", "change names and mails as `FILE` says: a mailmap, or lines user = Name <mail>")
	flags.BoolVar(&f.trailers, "map-trailers", false, "with --authors, also in trailers of messages, such as Co-authored-by")
	flags.BoolVar(&f.hashes, "map-hashes", false, "with --authors, also make hashes of commits in messages the new ones")
	flags.Var(&f.largeOver, "large-files-over", "size from which a file counts as large")
}

// unmatched holds the lines of a map that are for nobody, until they can be shown.
type unmatched []mailmap.Line

// plan reads the author map. Its bad lines are listed on standard error.
func (m *Main) plan(f planFlags, left *unmatched) (importer.OncePlan, error) {
	p := importer.OncePlan{Trailers: f.trailers, Hashes: f.hashes, Unmatched: func(l []mailmap.Line) { *left = l }}
	if f.authors == "" {
		if f.trailers || f.hashes {
			return p, usagef("Give --authors FILE, too.", "--map-trailers and --map-hashes change nothing without a map of authors")
		}
		return p, nil
	}
	text, err := readAuthors(f.authors)
	if err != nil {
		return p, err
	}
	p.Authors, err = mailmap.Parse(text)
	var bad *mailmap.Error
	if !errors.As(err, &bad) {
		return p, err
	}
	for _, fault := range bad.Faults {
		fmt.Fprintf(m.Stderr, "%s:%d: %s: %s\n", f.authors, fault.Line, fault.Why, fault.Text)
	}
	lines := "one line"
	if n := len(bad.Faults); n > 1 {
		lines = fmt.Sprintf("%d lines", n)
	}
	return p, usagef("Correct or remove what is listed above; nothing was done.", "%s of --authors %q cannot be read", lines, f.authors)
}

// maxAuthors is more than mailmap.Parse takes, bytes.
const maxAuthors = 11 << 20

func readAuthors(file string) ([]byte, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, usagef("Check the path.", "--authors cannot be read: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxAuthors))
	if err != nil {
		return nil, usagef("Check the path.", "--authors cannot be read: %w", err)
	}
	return text, nil
}

// showUnmatched lists lines of the author map that match nobody.
func (m *Main) showUnmatched(file string, left unmatched) {
	for _, l := range left {
		fmt.Fprintf(m.Stderr, "warning: %s:%d: matches nobody: %s\n", file, l.Number, rehome.Clean(l.Text, 200))
	}
}

// checkedFile finds out, before anything starts, whether the file a flag names can be
// written. A file that is there keeps what it holds.
func checkedFile(flag, file string) error {
	if file == "" {
		return nil
	}
	_, err := os.Stat(file)
	made := errors.Is(err, os.ErrNotExist)
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if errors.Is(err, os.ErrNotExist) {
		return usagef("Make that folder first, or choose another.", "the folder of %s %q does not exist", flag, file)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", flag, err)
	}
	err = f.Close()
	if made {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// commitMap is the file --commit-map names, under another name until it is whole.
type commitMap struct {
	*bufio.Writer
	file *os.File
	name string
}

// newCommitMap begins a commit map; nil for no name.
func newCommitMap(name string) (*commitMap, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, fmt.Errorf("write --commit-map: %w", err)
	}
	return &commitMap{bufio.NewWriter(f), f, name}, nil
}

// end gives the file its name, or removes it when failed says that nothing came of it.
func (c *commitMap) end(failed bool) error {
	if c == nil {
		return nil
	}
	err := errors.Join(c.Flush(), c.file.Chmod(0o644), c.file.Sync(), c.file.Close())
	if err == nil && !failed {
		err = os.Rename(c.file.Name(), c.name)
	}
	if err != nil || failed {
		err = errors.Join(err, os.Remove(c.file.Name()))
	}
	if err != nil {
		return fmt.Errorf("write --commit-map: %w", err)
	}
	return nil
}
