package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/mailmap"
)

// planFlags say what is changed of a history.
type planFlags struct {
	authors  string
	trailers bool
	hashes   bool
	large    largeFlags
}

func newPlanFlags() planFlags { return planFlags{large: newLargeFlags()} }

func (f *planFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.authors, "authors", "", "change names and mails as `FILE` says: a mailmap, or lines user = Name <mail>; - is standard input")
	flags.BoolVar(&f.trailers, "map-trailers", false, "with --authors, also in trailers of messages, such as Co-authored-by")
	flags.BoolVar(&f.hashes, "map-hashes", false, "with --authors, also make hashes of commits in messages the new ones")
	f.large.add(flags)
}

// doubts are the lines of a map that may not do what was meant.
type doubts struct {
	file      string
	text      []byte // of the map
	rules     int
	unmatched []mailmap.Line
	overrides []mailmap.Override
}

// texts are the doubts in words, a line each.
func (d *doubts) texts() []string { return append(d.overridesTexts(), d.unmatchedTexts()...) }

func (d *doubts) overridesTexts() (all []string) {
	for _, o := range d.overrides {
		all = append(all, fmt.Sprintf("%s:%d: overrides line %d: %s", d.file, o.Line.Number, o.Earlier, rehome.Clean(o.Line.Text, 200)))
	}
	return all
}

func (d *doubts) unmatchedTexts() (all []string) {
	for _, l := range d.unmatched {
		all = append(all, fmt.Sprintf("%s:%d: matches nobody: %s", d.file, l.Number, rehome.Clean(l.Text, 200)))
	}
	return all
}

// events tells the doubts as events as they come up. plan is the one they are about.
func (d *doubts) events(plan *importer.OncePlan, tell func(rehome.Event)) {
	say := func(texts []string) {
		for _, text := range texts {
			tell(rehome.Event{Kind: rehome.EventWarning, At: time.Now().UTC(), Step: rehome.StepRewrite, Text: text})
		}
	}
	say(d.overridesTexts())
	plan.Unmatched = func(l []mailmap.Line) {
		d.unmatched = l
		say(d.unmatchedTexts())
	}
}

// show lists the doubts on standard error, or leaves them to the batch that collects them.
func (m *Main) show(d *doubts) {
	if m.watch != nil && m.watch.doubts != nil {
		m.watch.doubts(d)
		return
	}
	for _, text := range d.texts() {
		fmt.Fprintf(m.Stderr, "%s %s\n", m.style().Yellow("warning:"), text)
	}
}

// plan reads the author map. Its bad lines are listed on standard error.
func (m *Main) plan(f planFlags, d *doubts) (importer.OncePlan, error) {
	p := importer.OncePlan{Trailers: f.trailers, Hashes: f.hashes, Unmatched: func(l []mailmap.Line) { d.unmatched = l }}
	if err := f.large.plan(&p); err != nil {
		return p, err
	}
	if f.authors == "" {
		if names := f.needAuthors(); names != "" {
			return p, usagef("Give --authors FILE, too.", "%s without a map of authors", names)
		}
		return p, nil
	}
	text, err := m.readAuthors(f.authors)
	if err != nil {
		return p, err
	}
	d.file, d.text = f.authorsName(), text
	p.Authors, err = mailmap.Parse(text)
	var bad *mailmap.Error
	switch {
	case err != nil && isJSON(text):
		return p, usagef("The command line takes a mailmap, or lines user = Name <mail>; JSON is for PUT …/import/authors of a server.", "--authors %q holds JSON", d.file)
	case errors.As(err, &bad):
		return p, m.showFaults(d.file, bad)
	case err != nil:
		return p, err
	}
	d.overrides = p.Authors.Overrides()
	for range p.Authors.Lines() {
		d.rules++
	}
	return p, nil
}

// needAuthors names the flags given that change nothing without --authors.
func (f *planFlags) needAuthors() string {
	switch {
	case f.trailers && f.hashes:
		return "--map-trailers and --map-hashes change nothing"
	case f.trailers:
		return "--map-trailers changes nothing"
	case f.hashes:
		return "--map-hashes changes nothing"
	}
	return ""
}

// authorsName is the file of --authors, for people.
func (f *planFlags) authorsName() string {
	if f.authors == "-" {
		return "standard input"
	}
	return f.authors
}

// isJSON tells JSON from an author map, which has no line like it.
func isJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text)
}

// showFaults lists the bad lines of an author map.
func (m *Main) showFaults(file string, bad *mailmap.Error) error {
	for _, fault := range bad.Faults {
		fmt.Fprintf(m.Stderr, "%s:%d: %s: %s\n", file, fault.Line, fault.Why, fault.Text)
	}
	lines := "one line"
	if n := len(bad.Faults); n > 1 {
		lines = fmt.Sprintf("%d lines", n)
	}
	return usagef("Correct or remove what is listed above; nothing was done.", "%s of --authors %q cannot be read", lines, file)
}

// maxAuthors is more than mailmap.Parse takes, bytes.
const maxAuthors = 11 << 20

func (m *Main) readAuthors(file string) ([]byte, error) {
	in := m.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usagef("Check the path.", "--authors cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxAuthors))
	if err != nil {
		return nil, usagef("Check the path.", "--authors cannot be read: %w", err)
	}
	return text, nil
}

// checkedFile finds out, before anything starts, whether the file a flag names can be
// written. A file that is there keeps what it holds.
func checkedFile(flag, file string) error {
	switch file {
	case "":
		return nil
	case "-":
		return usagef("Give the name of a file; ./- for one that is called so.", "%s cannot go to standard output", flag)
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
