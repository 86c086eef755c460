// Package verify proves a finished move: it holds a destination against the source, as deep as asked.
//
//	refs     every ref of the source is there with the id it was to have: its own, or the one that a receipt or a
//	         commit map says
//	objects  both ends are fetched and hashed, and all that refs lead to is there: the same ids, or, where history was
//	         changed, commit by commit with the parents, files, dates and messages it had
//	bytes    and every Git LFS object that the destination's files point to, downloaded and hashed
//
// Nothing that the destination says of itself is taken on trust.
package verify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
	"rehome/internal/remote"
	"rehome/internal/source"
	"rehome/internal/survey"
)

// Reader reads both ends.
type Reader interface {
	source.Source
	// List says which refs Fetch would carry, without fetching.
	List(ctx context.Context, l remote.Location, choice source.RefChoice) (source.Result, error)
}

// End is one of the two: where it is, and what reads it, which calls it by its side in errors.
type End struct {
	remote.Location
	Reader Reader
}

// Map says what a commit of the source became: zero when it was removed. False: it knows no such commit.
type Map interface {
	New(old object.ID) (object.ID, bool)
}

// Options say what is held against what. Source, Destination and their readers have to be set.
type Options struct {
	Source      End
	Destination End
	Depth       rehome.Depth // "" is rehome.VerifyRefs
	Choose      source.RefChoice
	Limits      source.Limits // of both ends, but for faults; zero fields are the source's defaults

	Map     Map             // of a move that changed ids; may be nil
	Receipt *rehome.Receipt // of the move; may be nil

	LeftByRule func(ref string) bool // refs that stay behind by rule, which need not be told; may be nil
	All        bool                  // lists hold everything, instead of the first 1000
	Dir        string                // where is fetched to, a folder of its own in it; "" is the system's
}

// maxListed bounds each list of a Result, unless all is asked for.
const maxListed = 1000

// full reports whether no more goes into a list that has so many.
func (o *Options) full(n int) bool { return n >= maxListed && !o.All }

// Result is what was found. Lists hold the first 1000, or all.
type Result struct {
	Depth   rehome.Depth `json:"verified"`
	Equal   bool         `json:"equal"`
	Refs    int64        `json:"refs"`            // that are as they were to be
	Commits int64        `json:"commits"`         // of the source that were compared, from depth objects on, as the next two
	Changed int64        `json:"commits_changed"` // of them, under another id
	Objects int64        `json:"objects"`         // of the source that were hashed
	LFS     int64        `json:"lfs"`             // Git LFS objects that the destination has; with depth bytes only
	Content Content      `json:"content"`

	Differences []Difference        `json:"differences"`
	More        int64               `json:"more_differences"` // that are not listed
	LeftOut     []rehome.SkippedRef `json:"left_out"`         // refs that did not come, for another reason than a rule or the choice
	Lacks       []string            `json:"lacks"`            // what else was left out, in words
	Extra       []string            `json:"extra"`            // refs that only the destination has
}

// Content counts what the move made of files, in distinct folders, where trees differ.
type Content struct {
	Converted  int64 `json:"converted"` // files that are Git LFS pointers to the same bytes now
	Removed    int64 `json:"removed"`   // files that left history, as the receipt says
	Submodules int64 `json:"submodules"`
}

// Partly reports whether something was left out.
func (r *Result) Partly() bool { return len(r.LeftOut)+len(r.Lacks) > 0 }

// Difference is one thing that is not as it was to be.
type Difference struct {
	Kind string          `json:"kind"` // missing, different, moved, unmapped, commit, tag, file, object, lfs, format
	Name string          `json:"name"` // of a ref, or the id of an object at the source
	Want rehome.ObjectID `json:"want,omitempty"`
	Have rehome.ObjectID `json:"have,omitempty"`
	Text string          `json:"text"` // what is wrong, fit to show
}

// Run holds a destination against its source. That they differ is no error.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Depth == "" {
		o.Depth = rehome.VerifyRefs
	}
	if o.LeftByRule == nil {
		o.LeftByRule = func(string) bool { return false }
	}
	v := &verification{Options: o}
	v.result = Result{Depth: o.Depth, Differences: []Difference{}, LeftOut: []rehome.SkippedRef{}, Lacks: []string{}, Extra: []string{}}
	run := v.refsOnly
	if o.Depth != rehome.VerifyRefs {
		run = v.deep
	}
	if err := run(ctx); err != nil {
		return Result{}, err
	}
	v.lacksOfReceipt()
	v.result.Equal = len(v.result.Differences) == 0
	return v.result, nil
}

// verification is one run.
type verification struct {
	Options
	result Result
	pairs  []pair // what refs name at both ends, where it is not the same
}

func (v *verification) differs(d Difference) {
	if v.full(len(v.result.Differences)) {
		v.result.More++
		return
	}
	v.result.Differences = append(v.result.Differences, d)
}

// both are the two ends, as they were listed or fetched.
type both struct{ from, to end }

// end is one of them.
type end struct {
	source.Result
	found survey.Result
}

// atDestination chooses what comes of the destination: its branches and tags, and what was asked for besides.
func (v *verification) atDestination() source.RefChoice {
	if len(v.Choose.Include) == 0 {
		return source.RefChoice{}
	}
	return source.RefChoice{Include: append([]string{"refs/*"}, v.Choose.Include...)}
}

// carried chooses what the move carried of the source.
func (v *verification) carried() source.RefChoice {
	choice := v.Choose
	if v.Receipt != nil {
		choice.Exclude = slices.Clone(choice.Exclude)
		for _, ref := range v.Receipt.Refs.Skipped {
			choice.Exclude = append(choice.Exclude, exact(ref.Name, ref.NameBytes))
		}
	}
	return choice
}

func (v *verification) refsOnly(ctx context.Context) (err error) {
	var b both
	if b.from.Result, err = v.Source.Reader.List(ctx, v.Source.Location, v.Choose); err != nil {
		return atEnd(err, atSource)
	}
	if b.to.Result, err = v.Destination.Reader.List(ctx, v.Destination.Location, v.atDestination()); err != nil {
		return atEnd(err, atDestination)
	}
	v.compareRefs(b)
	return nil
}

func (v *verification) deep(ctx context.Context) (err error) {
	work, err := os.MkdirTemp(v.Dir, ".rehome-verify-*")
	if err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	var b both
	if b.from, err = v.fetch(ctx, atSource, v.Source, work, v.carried()); err != nil {
		return atEnd(err, atSource)
	}
	if b.to, err = v.fetch(ctx, atDestination, v.Destination, work, v.atDestination()); err != nil {
		return atEnd(err, atDestination)
	}
	v.compareRefs(b)
	if err := v.compareObjects(ctx, b); err != nil || v.Depth != rehome.VerifyBytes {
		return err
	}
	return v.compareLFS(ctx, b, filepath.Join(work, "lfs"))
}

// The sides, as errors call them.
const (
	atSource      = "source"
	atDestination = "destination"
)

// fetch brings the end at one side into a folder in work, every object hashed and everything that is named there.
func (v *verification) fetch(ctx context.Context, side string, e End, work string, choice source.RefChoice) (got end, err error) {
	var look *survey.Survey
	dir := filepath.Join(work, side)
	q := source.Request{Location: e.Location, Dir: dir, Choose: choice, Limits: v.Limits}
	q.Visit = func(f object.Format) pack.Visit {
		look = survey.New(survey.Options{Format: f, Peer: side, Accept: object.Acceptable, Scratch: repo.Scratch(dir)})
		return look.Visit
	}
	q.Progress = func(p source.Progress) {
		if look != nil && p.Total > 0 {
			look.Expect(p.Total)
		}
	}
	got.Result, err = e.Reader.Fetch(ctx, q)
	if look != nil {
		defer look.Close()
	}
	if err != nil || look == nil { // nil: it is empty
		return got, err
	}
	objects, err := got.Repo.Objects()
	if err != nil {
		return got, fmt.Errorf("open what was received: %w", err)
	}
	defer objects.Close()
	err = pack.Guard(func() (err error) {
		got.found, err = look.Finish(ctx, objects, got.Refs, got.Head)
		return err
	})
	return got, err
}

// atEnd says which end an error is about, where its words do not.
func atEnd(err error, which string) error {
	var known *rehome.Error
	if !errors.As(err, &known) {
		return fmt.Errorf("read the %s: %w", which, err)
	}
	about := *known
	about.Message = strings.Replace(known.Message, "at this address", "at the "+which+"'s address", 1)
	if !strings.Contains(about.Message, which) {
		about.Message = "At the " + which + ": " + about.Message
	}
	about.Err = &EndError{which, err}
	return &about
}

// EndError is underneath the error of one end.
type EndError struct {
	End string // source or destination
	Err error
}

func (e *EndError) Error() string { return fmt.Sprintf("read the %s: %v", e.End, e.Err) }

// Unwrap returns the error underneath.
func (e *EndError) Unwrap() error { return e.Err }
