package survey

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"

	"rehome"
	"rehome/internal/git/object"
)

// peopleBatch is how many new identities wait at most until they are told of, and
// peopleWait how many objects pass at most meanwhile.
const (
	peopleBatch = 64
	peopleWait  = 1024
)

// Identities are held in memory. There is room for some 400,000; Linux has thirty thousand.
const (
	maxPeople     = 96 << 20 // bytes
	identityBytes = 128      // for each, besides twice its name and mail
)

// Identity is a name and mail exactly as history has them, in whatever role. Either may be empty.
type Identity struct {
	Name, Mail []byte
}

// people numbers identities as they are first seen and tells of them in batches.
type people struct {
	peer    string // whose they are, for errors
	tell    func([]Identity)
	waiting atomic.Bool    // some were not told of
	mu      sync.Mutex     // guards what follows, and is held while telling
	known   map[string]int // places in list
	list    []Identity
	bytes   int // of memory
	told    int // of list
	passed  int // calls of add since then
	key     []byte
}

// add takes down the identities that were found. It returns the number of the first one given, which is its place in the list; -1 where that was
// not found.
func (p *people) add(idents ...*object.Ident) (first int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first = -1
	for n, i := range idents {
		if !i.Found() {
			continue
		}
		if number := p.see(i.Name, i.Mail); n == 0 {
			first = number
		}
	}
	if p.bytes > maxPeople {
		return first, &rehome.Error{
			Code:    rehome.LimitPassed,
			Message: fmt.Sprintf("The %s's history has more different names and mails than can be held: %d.", p.peer, len(p.list)),
		}
	}
	p.passed++
	if waiting := len(p.list) - p.told; waiting >= peopleBatch || waiting > 0 && p.passed >= peopleWait {
		p.flush()
	}
	return first, nil
}

// see returns the number of an identity.
func (p *people) see(name, mail []byte) int {
	p.key = append(append(append(p.key[:0], name...), '\n'), mail...) // no line holds a line feed
	if n, ok := p.known[string(p.key)]; ok {
		return n
	}
	p.known[string(p.key)] = len(p.list)
	p.bytes += 2*len(p.key) + identityBytes
	both := bytes.Clone(p.key)
	p.list = append(p.list, Identity{Name: both[:len(name):len(name)], Mail: both[len(name)+1:]})
	p.waiting.Store(true)
	return len(p.list) - 1
}

// flush tells of the identities that are waiting. p.mu is held.
func (p *people) flush() {
	if p.tell != nil && p.told < len(p.list) {
		p.tell(p.list[p.told:len(p.list):len(p.list)])
	}
	p.told, p.passed = len(p.list), 0
	p.waiting.Store(false)
}

// contentComes tells of what is waiting: trees and blobs come when history is all but over.
func (p *people) contentComes() {
	if p.waiting.Load() {
		p.mu.Lock()
		p.flush()
		p.mu.Unlock()
	}
}
