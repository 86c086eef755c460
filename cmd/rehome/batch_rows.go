package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"rehome/internal/batch"
	"rehome/internal/remote"
)

// rowFlags are the names of the flags that rows may have.
func rowFlags() map[string]bool {
	f, names := newImportFlags(), map[string]bool{}
	flags := pflag.NewFlagSet("row", pflag.ContinueOnError)
	f.add(flags)
	flags.VisitAll(func(f *pflag.Flag) { names[f.Name] = !slices.Contains(wholeRun, f.Name) })
	return names
}

// checkColumn refuses columns that are no flag of a row.
func checkColumn(name string) error {
	ofRow, known := rowFlags()[name]
	switch {
	case strings.HasPrefix(name, "--"):
		return fmt.Errorf("the column is called %s, without dashes", strings.TrimLeft(name, "-"))
	case !known:
		return fmt.Errorf("there is no column %q: columns are source, destination and the flags of rehome import", name)
	case !ofRow:
		return fmt.Errorf("--%s is for the whole batch and no column", name)
	}
	return nil
}

// valuesOf are the values of a flag as they are given.
func valuesOf(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}

// rowCheck makes import's flags of rows and finds out before anything starts what cannot work.
type rowCheck struct {
	main     *Main
	defaults map[string][]string
	plans    map[string]error  // of plans that were tried
	authors  map[string]string // sums of author maps
	files    map[string]int    // lines of the rows that write them

	submodules bool // rows are moved again where they were moved without --rewrite-submodules
}

func newRowCheck(m *Main, defaults map[string][]string) *rowCheck {
	return &rowCheck{main: m, defaults: defaults, plans: map[string]error{}, authors: map[string]string{}, files: map[string]int{}}
}

// row returns the flags of a row, and a text that is another one when the row means something else.
func (c *rowCheck) row(r batch.Row) (f importFlags, stamp string, err error) {
	values := maps.Clone(c.defaults)
	if !isURL(r.Destination) {
		maps.DeleteFunc(values, func(name string, _ []string) bool { return slices.Contains(ofURLs, name) })
	}
	maps.Copy(values, r.Flags)
	if f, err = newRowFlags(values); err != nil {
		return f, "", err
	}
	if err := f.check(r.Destination); err != nil {
		return f, "", err
	}
	if err := errors.Join(c.plan(f.plan), c.file(r.Line, "receipt", f.receipt), c.file(r.Line, "commit-map", f.commitMap)); err != nil {
		return f, "", err
	}
	means := []any{remote.Key(r.Source), remote.Key(r.Destination), values, c.authors[f.plan.authors]}
	if c.submodules {
		means = append(means, "rewrite-submodules")
	}
	text, err := json.Marshal(means)
	if err != nil {
		return f, "", fmt.Errorf("sum a row up: %w", err)
	}
	sum := sha256.Sum256(text)
	return f, hex.EncodeToString(sum[:16]), nil
}

// ofURLs are the flags that a folder cannot have. Given for all rows, they are for those with a URL.
var ofURLs = []string{"dest-user", "create", "push-limit", "prune"}

// newRowFlags sets flags to their values.
func newRowFlags(values map[string][]string) (importFlags, error) {
	f := newImportFlags()
	flags := pflag.NewFlagSet("row", pflag.ContinueOnError)
	f.add(flags)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, isList := flags.Lookup(name).Value.(pflag.SliceValue); !isList && len(values[name]) != 1 {
			return f, fmt.Errorf("%s has more than one value", name)
		}
		for _, value := range values[name] {
			if err := flags.Set(name, value); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

// plan tries a plan, each once.
func (c *rowCheck) plan(f planFlags) error {
	if f.authors == "-" {
		return errors.New("--authors - could be read for one row only: give a file")
	}
	key := fmt.Sprintf("%+v", f)
	if err, tried := c.plans[key]; tried {
		return err
	}
	_, err := c.main.plan(f, new(doubts))
	if err == nil && f.authors != "" && c.authors[f.authors] == "" {
		c.authors[f.authors], err = sumOf(f.authors)
	}
	c.plans[key] = err
	return err
}

func sumOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, maxAuthors)); err != nil {
		return "", fmt.Errorf("read %q: %w", file, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// file checks one that a row writes: no other row may.
func (c *rowCheck) file(line int, flag, name string) error {
	if name == "" {
		return nil
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if other, twice := c.files[abs]; twice {
		return fmt.Errorf("its %s is written by line %d, too", flag, other)
	}
	c.files[abs] = line
	return checkedFile("--"+flag, name)
}
