package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

// place is where a commit stands between the old history and the new one.
type place struct {
	based   bool   // on a commit of the map or on the new history
	moves   bool   // on a commit of the old history that is another one now
	carried bool   // on the new history alone, as far as that differs from the old one
	fault   string // why neither it nor what is based on it can move

	local   bool // it is in neither history
	settled bool // so are those it is based on, and what is said above is known
	parents []object.ID
	tree    object.ID

	other bool // it is a commit of the map under other authors, by a map that was not given

	becomes object.ID // of a commit of the map: what it is now
	differs string    // of such a commit: what keeps those from moving that are based on it, or checked out
}

// local is the commits that are in neither history, and those of the histories they are based on.
type local struct {
	commits *Map
	earlier []*Map
	objects *repo.Objects
	shallow map[object.ID]bool
	places  map[object.ID]*place
	order   []object.ID // of local commits: parents first
}

// visit finds the places of a commit and of all it is based on.
func (l *local) visit(ctx context.Context, tip object.ID) error {
	stack := []object.ID{tip}
	for len(stack) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := stack[len(stack)-1]
		p, seen := l.places[id]
		if !seen {
			var err error
			if p, err = l.place(id); err != nil {
				return err
			}
			l.places[id] = p
		}
		waits := len(stack)
		for _, parent := range p.parents {
			if l.places[parent] == nil {
				stack = append(stack, parent)
			}
		}
		if len(stack) > waits {
			continue
		}
		stack = stack[:len(stack)-1]
		if p.local && !p.settled {
			p.settled = true
			l.settle(p)
			l.order = append(l.order, id)
		}
	}
	return nil
}

// place looks a commit up: in the map, else in the clone.
func (l *local) place(id object.ID) (*place, error) {
	to, why, ok := l.leads(id)
	if why != "" {
		return &place{based: true, fault: why}, nil
	}
	if ok {
		return l.mapped(id, to)
	}
	if l.commits.isNew(id) {
		return &place{based: true, carried: true, becomes: id}, nil
	}
	p := &place{local: true}
	commit, why, err := l.read(id)
	if err != nil {
		return nil, err
	}
	switch {
	case why != "":
		p.fault = why
	case l.shallow[id]:
		p.fault = fmt.Sprintf("history before %s is not in this clone: get it with git fetch --unshallow", short(id))
	default:
		p.parents, p.tree = slices.Collect(commit.Parents()), commit.Tree
	}
	return p, nil
}

// leads returns what a commit of the old history is now, or of what an earlier rewrite made of that; false:
// it is of neither. why says why that cannot be known.
func (l *local) leads(id object.ID) (to object.ID, why string, ok bool) {
	var from object.ID
	add := func(old, now object.ID) {
		if ok && now != to && why == "" {
			why = fmt.Sprintf("commit %s stands for both %s and %s of the source, which differ now: move what is on it with git rebase", short(id), short(from), short(old))
		}
		from, to, ok = old, now, true
	}
	if now, mapped := l.commits.New(id); mapped {
		add(id, now)
	} else if len(l.earlier) > 0 {
		for old := range l.commits.olds(id) {
			add(old, id)
		}
	}
	for _, m := range l.earlier {
		for old := range m.olds(id) {
			if now, mapped := l.commits.New(old); mapped {
				add(old, now)
			}
		}
	}
	if to == id && !l.commits.has(id) { // it is on the new history
		ok = false
	}
	return to, why, ok
}

// mapped is the place of a commit of the old history.
func (l *local) mapped(id, to object.ID) (*place, error) {
	p := &place{based: true, becomes: to, moves: id != to}
	if !p.moves {
		return p, nil
	}
	if to.IsZero() {
		p.fault = fmt.Sprintf("the commit it is based on, %s, was removed from history", short(id))
		return p, nil
	}
	after, why, err := l.read(to)
	if err != nil {
		return nil, err
	}
	if why != "" {
		p.fault = fmt.Sprintf("the new history is not in this clone (%s for %s): fetch it first, with git remote add new URL and git fetch new", short(to), short(id))
		return p, nil
	}
	before, why, err := l.read(id)
	if err == nil && why == "" && before.Tree != after.Tree {
		why = fmt.Sprintf("the files of the commit it is based on, %s, are others in the new history: move it with git rebase --onto %s %s", short(id), short(to), short(id))
	}
	p.differs = why
	return p, err
}

// read reads a commit, or says why there is none.
func (l *local) read(id object.ID) (commit object.CommitParts, why string, err error) {
	t, data, err := l.objects.Read(id)
	switch {
	case errors.Is(err, repo.ErrNoObject):
		return commit, fmt.Sprintf("commit %s is not in this clone", short(id)), nil
	case err != nil:
		return commit, "", err
	case t != object.Commit:
		return commit, fmt.Sprintf("%s is no commit but a %s", short(id), t), nil
	}
	commit, _ = object.ParseCommit(id.Format(), data)
	if commit.Tree.IsZero() || !commit.Author.Found() { // parents stand between the two
		return commit, fmt.Sprintf("commit %s is damaged", short(id)), nil
	}
	return commit, "", nil
}

// settle takes over what is known of the commits that a local one is based on.
func (l *local) settle(p *place) {
	for _, id := range p.parents {
		base := l.places[id]
		p.based = p.based || base.based
		p.moves = p.moves || base.moves
		p.carried = p.carried || base.carried
		if p.fault == "" {
			p.fault = base.fault
		}
		if p.fault == "" {
			p.fault = base.differs
		}
	}
}

func short(id object.ID) string { return id.String()[:12] }

// below calls visit with a local commit and every local one that it is based on, once each.
func (l *local) below(tip object.ID, visit func(object.ID)) {
	seen, next := map[object.ID]bool{tip: true}, []object.ID{tip}
	for len(next) > 0 {
		id := next[len(next)-1]
		next = next[:len(next)-1]
		p := l.places[id]
		if !p.local {
			continue
		}
		visit(id)
		for _, parent := range p.parents {
			if !seen[parent] {
				seen[parent] = true
				next = append(next, parent)
			}
		}
	}
}
