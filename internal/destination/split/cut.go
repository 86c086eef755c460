package split

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"rehome"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/repo"
)

// cutter goes through the order, step by step.
type cutter struct {
	*order
	*brought
	request Request
	sent    uint32               // everything up to that place
	rooted  int                  // so many roots have their new value
	at      map[string]object.ID // what refs are by now, as far as they were moved
	own     own
	active  map[uint32]uint32 // by chain that no merge has brought yet: its last place that was sent
}

func (c *cutter) steps(ctx context.Context) (steps []Step, err error) {
	for name, id := range c.own.found(c.request) {
		c.at[name] = id
	}
	for done := false; !done; done = c.sent == c.order.len() {
		s := Step{}
		if c.sent < c.order.len() {
			if s, err = c.step(ctx); err != nil {
				return nil, err
			}
		}
		if s.Updates = c.updates(); c.sent == c.order.len() {
			s.Updates = append(s.Updates, c.deletions()...)
		}
		steps = append(steps, s)
	}
	if last := c.cleaning(); len(last) > 0 {
		steps = append(steps, Step{Updates: last})
	}
	return slices.DeleteFunc(steps, func(s Step) bool { return len(s.Updates) == 0 }), nil
}

// step finds out how much goes next, and moves on.
func (c *cutter) step(ctx context.Context) (Step, error) {
	limit := c.request.Limit
	for most := limit - limit/100; ; { // objects take a little more than in their packs
		upTo := c.stop(most)
		s := Step{Parts: c.between(c.sent, upTo)}
		if !c.request.Thick {
			s.Has = c.brought.has(c.sent)
		}
		size, err := c.size(ctx, s)
		if err != nil {
			return Step{}, err
		}
		if size <= limit {
			c.pass(upTo)
			return s, nil
		}
		if upTo == c.sent+1 {
			return Step{}, c.tooLarge(upTo, size)
		}
		// What lies there as a delta of later objects may take much more: try as much less, and at least one place.
		here := c.bytes[upTo] - c.bytes[c.sent]
		most = min(int64(float64(here)*float64(limit)/float64(size)*0.98), c.bytes[upTo-1]-c.bytes[c.sent])
	}
}

// stop returns the place to stop at, when what is sent may take so many bytes in the packs: the last of those where it takes
// the fewest refs of our own.
func (c *cutter) stop(most int64) uint32 {
	last := c.sent + uint32(sort.Search(int(c.order.len()-c.sent), func(k int) bool {
		return c.bytes[c.sent+1+uint32(k)]-c.bytes[c.sent] > most
	}))
	best := max(last, c.sent+1)
	for place := best; place > c.sent && c.open[best-1] > 0; place-- {
		if c.open[place-1] < c.open[best-1] {
			best = place
		}
	}
	return best
}

func (c *cutter) size(ctx context.Context, s Step) (int64, error) {
	out, err := pack.NewOutgoing(ctx, s.Parts, pack.OutgoingOptions{Format: c.format, Has: s.Has, Scratch: c.request.Scratch})
	if err != nil {
		return 0, err
	}
	defer out.Close()
	return out.Bytes(), nil
}

// pass moves on to a place.
func (c *cutter) pass(upTo uint32) {
	for ; c.sent < upTo; c.sent++ {
		n := c.nodes[c.sent]
		if n != history.None && c.graph.Parents(n).Len() > 1 {
			for chain := range c.active {
				if c.owner[chain] == n {
					delete(c.active, chain)
				}
			}
		}
		c.active[c.chain[c.sent]] = c.sent + 1
	}
}

// updates moves the refs to where what was sent is reached.
func (c *cutter) updates() (moves []repo.Update) {
	move := func(name string, old, id object.ID) {
		if now, ok := c.at[name]; ok {
			old = now
		}
		if old != id {
			moves = append(moves, repo.Update{Name: name, Old: old, New: id})
			c.at[name] = id
		}
	}
	for ; c.rooted < len(c.roots) && c.roots[c.rooted].ready <= c.sent; c.rooted++ {
		r := c.roots[c.rooted]
		delete(c.active, r.chain)
		move(r.Name, r.Old, r.New)
	}
	chains := make([]uint32, 0, len(c.active))
	for chain := range c.active {
		chains = append(chains, chain)
	}
	slices.Sort(chains)
	for _, chain := range chains {
		place := c.active[chain]
		if r := c.roots[c.rooted]; r.chain == chain && r.stands { // there is one: its merges are what the others wait for
			move(r.Name, r.Old, c.id(place))
			continue
		}
		move(c.own.name(chain, c.graph.Type(c.nodes[place-1])), object.ID{}, c.id(place))
	}
	return moves
}

// deletions are the updates that delete, which wait for the end.
func (c *cutter) deletions() (moves []repo.Update) {
	for _, u := range c.request.Updates {
		if u.New.IsZero() {
			moves = append(moves, u)
		}
	}
	return moves
}

// cleaning deletes the refs of our own, once the others are where they should be.
func (c *cutter) cleaning() (moves []repo.Update) {
	for _, name := range c.own.names {
		moves = append(moves, repo.Update{Name: name, Old: c.at[name], New: c.format.Zero()})
	}
	return moves
}

func (c *cutter) tooLarge(place uint32, size int64) error {
	what, id := "Object", c.id(place)
	if n := c.nodes[place-1]; n != history.None && c.graph.Type(n) == object.Commit {
		what = "Commit"
	}
	return &rehome.Error{
		Code:    rehome.DestinationRefused,
		Message: fmt.Sprintf("%s %s alone takes %s to send, and the destination takes %s at once.", what, id, bytesText(size), bytesText(c.request.Limit)),
		Hint:    "Move its large files to Git LFS ({use_lfs: opt_in}), with a --large-files-over below their size, or raise --push-limit if the destination takes more.",
	}
}

// bytesText is a size for people.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB"}
	f := float64(n)
	for len(units) > 1 && f >= 1024 {
		f, units = f/1024, units[1:]
	}
	if units[0] == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[0])
}
