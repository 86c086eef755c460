package attributes

// run follows steps through a text, all ways at once, so that no pattern takes more than
// the product of the two lengths.
type run struct {
	steps     []step
	class     []*class
	now, then []int32  // the steps that may come next, each once
	round     uint32   // of the byte taken last
	seen      []uint32 // by step: the round it was entered in, and so is in then
}

// begin makes the run one of steps that has entered none.
func (r *run) begin(steps []step, class []*class) {
	r.steps, r.class = steps, class
	r.now = r.now[:0]
	if cap(r.seen) < len(steps) {
		r.seen = make([]uint32, len(steps), 2*len(steps))
		r.round = 0
	}
	r.seen = r.seen[:cap(r.seen)]
	r.next()
}

// next begins another round.
func (r *run) next() {
	r.then = r.then[:0]
	if r.round++; r.round == 0 {
		clear(r.seen)
		r.round = 1
	}
}

// enter makes the steps, and what may follow them at once, those that come next; it is for
// before the first byte.
func (r *run) enter(list ...int32) {
	for _, at := range list {
		r.add(at)
	}
	r.now = append(r.now[:0], r.then...)
}

// add puts a step, and what may follow it at once, into then.
func (r *run) add(at int32) {
	for r.stay(at) {
		switch r.steps[at].kind {
		case takeStar, takeAll, takeFolders:
			at++
		default:
			return
		}
	}
}

// stay puts a step alone into then; false says that it is there.
func (r *run) stay(at int32) bool {
	if r.seen[at] == r.round {
		return false
	}
	r.seen[at] = r.round
	r.then = append(r.then, at)
	return true
}

// take follows text; false says that there is no way on.
func (r *run) take(text []byte) bool {
	for _, c := range text {
		r.next()
		for _, at := range r.now {
			r.follow(at, c)
		}
		r.now, r.then = r.then, r.now
		if len(r.now) == 0 {
			return false
		}
	}
	return true
}

// follow goes on from one step with one byte.
func (r *run) follow(at int32, c byte) {
	s := r.steps[at]
	switch s.kind {
	case takeByte:
		if c == s.byte {
			r.add(at + 1)
		}
	case takeAny:
		if c != '/' {
			r.add(at + 1)
		}
	case takeClass:
		if r.class[s.nth].has(c) {
			r.add(at + 1)
		}
	case takeStar:
		if c != '/' {
			r.add(at)
		}
	case takeAll:
		r.add(at)
	case takeFolders:
		if c == '/' {
			r.add(at + 1)
		}
		// It waits for a later slash. What follows it may not come next by that.
		r.stay(at)
	}
}

// ended tells whether a pattern ends here.
func (r *run) ended() bool {
	for _, at := range r.now {
		if r.steps[at].kind == takeEnd {
			return true
		}
	}
	return false
}
