// Package check holds what a server keeps against itself: rows, repositories, packs, Git LFS objects.
//
// It changes nothing and takes no lock, so that it may look while others write. What looks wrong is looked at again a moment
// later, from the rows on, and told only if it still is:
//
//	look at one thing; if something is wrong: wait, look again, keep what was wrong both times; twice
package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rehome/internal/bucket"
	"rehome/internal/shelf"
	"rehome/internal/store"
)

// Options are what is checked. All but Shelf, Tell and Pause have to be given.
type Options struct {
	DB       *store.DB
	Data     string        // data folder
	Bucket   bucket.Bucket // with Git LFS objects
	Shelf    *shelf.Shelf  // with what imports keep in the bucket; nil where that is not looked at
	ReadData bool          // read every byte, and compare it with its hash
	Found    func(Finding) // told of each finding, one at a time
	Tell     func(Progress)
	Pause    func(context.Context) error // between two looks; nil: half a second
}

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	Damage  Severity = "damage"  // something is lost or not what it was
	Warning Severity = "warning" // nothing is lost, but something is not as it should be
	Note    Severity = "note"    // somebody may want to know
)

// Finding is one thing that was found.
type Finding struct {
	Severity Severity `json:"severity"`
	Kind     string   `json:"kind"`  // stable, as "missing_object"
	Where    string   `json:"where"` // in words: a repository with its folder, an import, the database
	Text     string   `json:"text"`
	Renewed  bool     `json:"renewed,omitempty"` // nothing is lost: what was there is fetched or made anew
}

// like reports whether two looks found the same. What is wrong in a pack is told by who comes upon it first: the words may differ.
func (f Finding) like(o Finding) bool {
	if f.Kind == "pack" || f.Kind == "object" {
		o.Text = f.Text
	}
	return f == o
}

// Progress is how far a check has come.
type Progress struct {
	Step  string // database, repositories, imports or bucket
	Done  int64
	Total int64 // 0 when it is not known
}

// Result counts what was looked at and what was found.
type Result struct {
	Repositories int64 `json:"repositories"`
	Imports      int64 `json:"imports"`
	Packs        int64 `json:"packs"`
	Objects      int64 `json:"objects_read"` // inflated and hashed
	LFSObjects   int64 `json:"lfs_objects"`
	Damage       int64 `json:"damage"`
	Warnings     int64 `json:"warnings"`
	Notes        int64 `json:"notes"`
	Renewed      int64 `json:"renewed"` // of Damage: what is fetched or made anew
}

// Run checks everything. Its error is about what could not be looked at.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Tell == nil {
		o.Tell = func(Progress) {}
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	c := &checking{Options: o, verdicts: map[fileID]*verdict{}}
	for _, step := range []func(context.Context) error{c.database, c.repositories, c.imports, c.strangers, c.lfsObjects} {
		if err := step(ctx); err != nil {
			return c.result, fmt.Errorf("check: %w", err)
		}
	}
	return c.result, nil
}

// checking is one run.
type checking struct {
	Options
	result   Result
	verdicts map[fileID]*verdict // of packs that were read, which repositories share
	names    map[int64]string    // full names of repositories, for what is said of their imports
}

// looks is how often in all something wrong is looked at before it is told.
const looks = 3

// pause lets what is under way come to its end.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(500 * time.Millisecond):
		return nil
	}
}

// unit looks at one thing and tells what is wrong with it for good.
func (c *checking) unit(ctx context.Context, look func(context.Context) ([]Finding, error)) error {
	found, err := look(ctx)
	for n := 1; n < looks && err == nil && len(found) > 0; n++ {
		if err := c.Pause(ctx); err != nil {
			return err
		}
		var again []Finding
		again, err = look(ctx)
		found = slices.DeleteFunc(again, func(f Finding) bool { return !slices.ContainsFunc(found, f.like) })
	}
	if err != nil {
		return err
	}
	for _, f := range found {
		c.found(f)
	}
	return nil
}

func (c *checking) found(f Finding) {
	switch f.Severity {
	case Damage:
		c.result.Damage++
		if f.Renewed {
			c.result.Renewed++
		}
	case Warning:
		c.result.Warnings++
	default:
		c.result.Notes++
	}
	c.Found(f)
}

// list collects findings about one thing.
type list struct {
	where   string
	renewed bool // nothing of it is lost for good
	all     []Finding
}

// mostOfOne bounds what is told about one thing.
const mostOfOne = 50

func (l *list) add(s Severity, kind, text string, args ...any) {
	switch {
	case len(l.all) < mostOfOne:
		l.all = append(l.all, Finding{Severity: s, Kind: kind, Where: l.where, Text: fmt.Sprintf(text, args...), Renewed: l.renewed})
	case len(l.all) == mostOfOne:
		l.all = append(l.all, Finding{Severity: s, Kind: "more", Where: l.where, Text: "and more", Renewed: l.renewed})
	}
}
