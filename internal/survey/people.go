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
	waiting atomic.Bool // some were not told of
	mu      sync.Mutex  // guards what follows, and is held while telling
	known   map[string]bool
	list    []Identity
	bytes   int // of memory
	told    int // of list
	passed  int // calls of add since then
	key     []byte
}

// add takes down the identities that were found.
func (p *people) add(idents ...*object.Ident) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range idents {
		if i.Found() {
			p.see(i.Name, i.Mail)
		}
	}
	if p.bytes > maxPeople {
		return &rehome.Error{
			Code:    rehome.LimitPassed,
			Message: fmt.Sprintf("The %s's history has more different names and mails than can be held: %d.", p.peer, len(p.list)),
		}
	}
	p.passed++
	if waiting := len(p.list) - p.told; waiting >= peopleBatch || waiting > 0 && p.passed >= peopleWait {
		p.flush()
	}
	return nil
}

func (p *people) see(name, mail []byte) {
	p.key = append(append(append(p.key[:0], name...), '\n'), mail...) // no line holds a line feed
	if p.known[string(p.key)] {
		return
	}
	p.known[string(p.key)] = true
	p.bytes += 2*len(p.key) + identityBytes
	both := bytes.Clone(p.key)
	p.list = append(p.list, Identity{Name: both[:len(name):len(name)], Mail: both[len(name)+1:]})
	p.waiting.Store(true)
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
