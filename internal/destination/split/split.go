// Package split cuts a push that is larger than a destination takes at once into several, oldest history first.
//
//	put what the updates reach into one order: parents before children, the default branch first, then the other
//	    branches, then everything else; what the destination's refs reach is there already          order.go
//	note for every object the first in that order that brings it                                    bring.go
//	as long as something is left: send as far as the limit goes, or rather up to a place before it where few
//	    refs reach all that was sent; the default branch moves forward along its first parents      cut.go
//
// Where a merge alone brings more than the limit, the side it brings is held by branches of our own meanwhile, and so is
// what leads to a ref that must not move in small steps. They go when all is there.
//
// The plan is a function of the repository, the updates and the destination's refs, so that who is interrupted reads those
// and plans again. Memory: four bytes for each object, some forty for each commit, and a bit for each object and step.
package split

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"rehome/internal/compute"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// Request is a push. All fields but Head, Stays, There, Has, Limit, Thick and Lacking are required.
type Request struct {
	Objects *repo.Objects
	Packs   []string               // by name: they have all that Updates reach
	Updates []repo.Update          // Old is what the ref is now
	Head    string                 // the default branch; "" for none
	Stays   func(name string) bool // a ref of that name is no leftover, though no update names it; may be nil
	There   []repo.Ref             // the destination's; of those whose object is not here nothing is known
	Has     func(id []byte) bool   // the destination has that object besides what There reaches; may be nil
	Limit   int64                  // bytes of one pack; 0 is none
	Thick   bool                   // the destination does not complete packs: no delta may be made from what it has
	Lacking bool                   // what There reaches stays here also where everything is small enough for one step
	Format  object.Format
	Scratch pack.Scratch
}

// Step is one push. Its updates come in the order in which they should be asked for. Whatever the step's refs reach goes out
// with it or is there when the steps before it are done.
type Step struct {
	Updates []repo.Update
	Parts   []pack.Part          // none where only refs go
	Has     func(object.ID) bool // for pack.OutgoingOptions
}

// Plan says in which steps a push goes. It is a *rehome.Error of DestinationRefused when a single commit brings more than the
// limit. The steps need the request's objects to stay open.
func Plan(ctx context.Context, r Request) (steps []Step, err error) {
	err = pack.Guard(func() error {
		steps, err = plan(ctx, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("plan a push in several steps: %w", err)
	}
	return steps, nil
}

func plan(ctx context.Context, r Request) ([]Step, error) {
	r.Updates = sorted(r.Updates, r.Head)
	if !r.Lacking {
		if whole, err := r.whole(ctx); err != nil || whole != nil {
			return whole, err
		}
	}
	if r.Limit == 0 {
		r.Limit = math.MaxInt64
	}
	known := r.known()
	tips := slices.Clone(known)
	for _, u := range r.Updates {
		if !u.New.IsZero() {
			tips = append(tips, u.New)
		}
	}
	g, err := r.Objects.History(ctx, tips, r.Scratch, compute.Processors())
	if err != nil {
		return nil, err
	}
	defer g.Close()
	o, err := arrange(ctx, g, known, r.Updates)
	if err != nil {
		return nil, err
	}
	b, err := bring(ctx, o, r)
	if err != nil {
		return nil, err
	}
	defer b.close()
	return (&cutter{order: o, brought: b, request: r, at: map[string]object.ID{}, active: map[uint32]uint32{}}).steps(ctx)
}

// whole is the one step that sends everything, nil where it is too large.
func (r Request) whole(ctx context.Context) ([]Step, error) {
	one := Step{Updates: r.Updates, Parts: r.Objects.Parts(r.Packs, r.Has), Has: r.had()}
	if r.Limit > 0 {
		out, err := pack.NewOutgoing(ctx, one.Parts, pack.OutgoingOptions{Format: r.Format, Has: one.Has, Scratch: r.Scratch})
		if err != nil {
			return nil, err
		}
		defer out.Close()
		if out.Bytes() > r.Limit {
			return nil, nil
		}
	}
	return []Step{one}, nil
}

// had is Has for pack.OutgoingOptions.
func (r Request) had() func(object.ID) bool {
	if r.Has == nil || r.Thick {
		return nil
	}
	return func(id object.ID) bool { return r.Has(id.Bytes()) }
}

// known returns the ids that the destination's refs have and that are here.
func (r Request) known() (ids []object.ID) {
	add := func(id object.ID) {
		if !id.IsZero() && r.Objects.Has(id) {
			ids = append(ids, id)
		}
	}
	for _, ref := range r.There {
		add(ref.ID)
	}
	for _, u := range r.Updates {
		add(u.Old)
	}
	return ids
}

// sorted puts the default branch first, then branches, then the other refs, tags after them, then what is deleted, each by name.
func sorted(updates []repo.Update, head string) []repo.Update {
	rank := func(u repo.Update) int {
		switch {
		case u.New.IsZero():
			return 4
		case u.Name == head:
			return 0
		case strings.HasPrefix(u.Name, "refs/heads/"):
			return 1
		case !strings.HasPrefix(u.Name, "refs/tags/"):
			return 2
		}
		return 3
	}
	return slices.SortedFunc(slices.Values(updates), func(a, b repo.Update) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}
