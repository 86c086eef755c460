package attributes

import (
	"encoding/binary"
	"slices"
	"sync"
)

const (
	maxHeld = 16 << 20 // steps in all sets together: 64 MiB
	maxMemo = 1 << 18  // folders that are remembered
)

// paths are patterns for whole paths.
//
// A State stands for the steps that may come next after a folder's path and a slash: equal
// sets are one State. Past maxHeld, where only patterns made for it get, a State is a folder
// of another one, and its set is found anew each time.
type paths struct {
	program
	first    []int32 // where each pattern begins
	anywhere []int32 // the steps that may come next in any folder
	begins   class   // the bytes with which a name may go on from there

	mu     sync.RWMutex     // guards what follows
	places []place          // by State; 0 stands for no step at all
	states map[string]State // by set
	apart  map[within]State // of those without one
	memo   map[within]State
	held   int
}

// place is what a State stands for.
type place struct {
	set    []int32 // nil when it is to be found anew
	within within
}

// within is a folder in a folder.
type within struct {
	state  State
	folder string
}

// open makes the State of the root. When names may match everywhere, no steps are a State
// like others.
func (p *paths) open(names bool) {
	p.states, p.apart, p.memo = map[string]State{}, map[within]State{}, map[within]State{}
	r := new(run)
	r.begin(p.steps, p.class)
	r.enter(p.first...)
	p.places = []place{{set: []int32{}}}
	p.intern(r.now, within{})
	if !names {
		p.states[""] = 0
	}
	r.begin(p.steps, p.class)
	r.enter(p.slashes()...)
	p.anywhere = slices.Clone(r.now)
	for c := range 256 {
		r.now = append(r.now[:0], p.anywhere...)
		if r.take([]byte{byte(c)}) {
			p.begins.put(byte(c))
		}
	}
}

// slashes gives the steps that may come next after some slash, or at the root.
func (p *paths) slashes() []int32 {
	list := slices.Clone(p.first)
	for i, s := range p.steps {
		switch {
		case s.kind == takeAll || s.kind == takeFolders:
			list = append(list, int32(i))
		case s.kind == takeByte && s.byte == '/':
			list = append(list, int32(i)+1)
		}
	}
	return list
}

// enter finds the State of a folder in a folder of State s.
func (p *paths) enter(s State, folder []byte) State {
	p.mu.RLock()
	to, ok := p.memo[within{s, string(folder)}]
	p.mu.RUnlock()
	if ok {
		return to
	}
	r := runs.Get().(*run)
	defer runs.Put(r)
	p.walk(r, p.set(s), folder)
	key := within{s, string(folder)}
	p.mu.Lock()
	defer p.mu.Unlock()
	to = p.intern(r.now, key)
	if len(p.memo) < maxMemo {
		p.memo[key] = to
	}
	return to
}

// walk leaves in r.now the steps that may come next after the folder, when those of from may
// come before it.
func (p *paths) walk(r *run, from []int32, folder []byte) {
	r.begin(p.steps, p.class)
	r.now = append(r.now, from...)
	if r.take(folder) {
		r.take([]byte{'/'})
	}
}

// intern gives the State for a set, which it sorts.
func (p *paths) intern(set []int32, at within) State {
	slices.Sort(set)
	key := make([]byte, 0, 4*len(set))
	for _, step := range set {
		key = binary.BigEndian.AppendUint32(key, uint32(step))
	}
	if s, ok := p.states[string(key)]; ok {
		return s
	}
	if p.held+len(set) > maxHeld {
		if s, ok := p.apart[at]; ok {
			return s
		}
		p.apart[at] = p.put(place{within: at})
		return p.apart[at]
	}
	p.held += len(set)
	s := p.put(place{set: append([]int32{}, set...), within: at})
	p.states[string(key)] = s
	return s
}

// put makes a State of a place.
func (p *paths) put(one place) State {
	p.places = append(p.places, one)
	return State(len(p.places) - 1)
}

// set gives the steps that may come next in State s.
func (p *paths) set(s State) []int32 {
	p.mu.RLock()
	one := p.places[s]
	p.mu.RUnlock()
	if one.set != nil {
		return one.set
	}
	r := new(run)
	p.walk(r, p.set(one.within.state), []byte(one.within.folder))
	return r.now
}
