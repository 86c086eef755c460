package survey

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"rehome/internal/git/object"
)

const (
	shardBits  = 4
	shardCount = 1 << shardBits
	chunkBits  = 12 // entries are handed out in chunks of 4,096

	tagBits     = 9 // of the hash in each slot, so that most other ids are told apart by the slot
	numberBits  = 32 - tagBits
	maxPerShard = 1<<numberBits - 1
)

// What is known of an id, as bits of its state. The low three bits are the type of the object that is there.
const (
	stateType  = 0x07
	wantCommit = 0x08
	wantTree   = 0x10
	wantBlob   = 0x20
	wantTag    = 0x40
	wantAny    = wantCommit | wantTree | wantBlob | wantTag
	hasRef     = 0x80 // the entry's ref is the number of the object that named the id first
)

// wantOf returns the state bit for an object that must be there with type t.
func wantOf(t object.Type) byte {
	return [...]byte{object.Commit: wantCommit, object.Tree: wantTree, object.Blob: wantBlob, object.Tag: wantTag}[t]
}

var errTooMany = errors.New("more ids named than there are objects")

// table holds every id that was seen or named, each with a number that stays. It is safe for concurrent use.
//
// An entry is the id's bytes, ref (4 bytes) and state (1 byte). Ref is, of a commit that is there, its number in
// history; of anything else the number of what named it first. With takeNotes a note (4 bytes) follows: of a tree by which name it was named
// first, of a blob its bytes in the pack. Slots of the index hold
// a part of the hash and the entry's place in its shard, plus one.
type table struct {
	size   int // of an id, bytes
	stride int // of an entry, bytes
	seed   maphash.Seed
	count  atomic.Int64
	limit  atomic.Int64
	odd    namings
	arena  arena
	shards [shardCount]shard
}

type shard struct {
	mu     sync.Mutex // guards what follows
	chunks [][]byte
	n      uint32
	index  []byte // slots of 4 bytes, a power of two of them
}

func newTable(f object.Format, scratch func(int64) ([]byte, func(), error)) *table {
	t := &table{size: f.Size(), stride: f.Size() + 5, seed: maphash.MakeSeed(), arena: arena{scratch: scratch}}
	t.limit.Store(shardCount * maxPerShard)
	return t
}

func (t *table) close() { t.arena.close() }

const noteBytes = 4

// takeNotes makes room for notes. The table is empty.
func (t *table) takeNotes() { t.stride += noteBytes }

// noteOf returns where the note of an entry is; empty without notes.
func (t *table) noteOf(e []byte) []byte { return e[t.size+5:] }

func putNote(note []byte, v uint32) {
	if len(note) > 0 {
		binary.LittleEndian.PutUint32(note, v)
	}
}

// note returns the note of the object with a number. Nothing may be added meanwhile.
func (t *table) note(number uint32) uint32 {
	return binary.LittleEndian.Uint32(t.noteOf(t.at(&t.shards[number&(shardCount-1)], number>>shardBits)))
}

// setNote changes a note. It is for one goroutine alone.
func (t *table) setNote(number, v uint32) {
	putNote(t.noteOf(t.at(&t.shards[number&(shardCount-1)], number>>shardBits)), v)
}

// see notes that an object is there and returns its number; again means that it was noted before. ref is, of a commit, its number in
// history, and of a blob its note.
func (t *table) see(id []byte, typ object.Type, ref uint32) (number uint32, again bool, err error) {
	h := maphash.Bytes(t.seed, id)
	s := &t.shards[h>>(64-shardBits)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, number, err := t.entry(s, h, id)
	if err != nil {
		return 0, false, err
	}
	state := &e[t.size+4]
	if *state&stateType != 0 {
		return number, true, nil
	}
	if typ == object.Commit && *state&wantAny&^wantCommit != 0 {
		t.odd.first(e[t.size:], number)
	}
	*state |= byte(typ)
	if typ == object.Blob {
		putNote(t.noteOf(e), ref)
	}
	if typ == object.Commit {
		*state &^= hasRef
		binary.LittleEndian.PutUint32(e[t.size:], ref)
	}
	return number, false, nil
}

// late is a bit in the number of what names an id: others who do say better where it is found.
const late = 1 << 31

// want notes that the object with number from names id, as what the bit want says, and returns the id's number.
func (t *table) want(id []byte, want byte, from uint32) (uint32, error) {
	return t.wantCalled(id, want, from, 0)
}

// wantCalled is want for what has a name there: it becomes the note of a tree that nobody named before.
func (t *table) wantCalled(id []byte, want byte, from, called uint32) (uint32, error) {
	h := maphash.Bytes(t.seed, id)
	s := &t.shards[h>>(64-shardBits)]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, number, err := t.entry(s, h, id)
	if err != nil {
		return 0, err
	}
	state := &e[t.size+4]
	if is := object.Type(*state & stateType); *state&wantAny&^want != 0 || is != 0 && wantOf(is) != want {
		t.odd.first(e[t.size:], number)
		t.odd.add(naming{number, from &^ late, want})
	}
	if from&late == 0 && *state&hasRef == 0 && *state&stateType != byte(object.Commit) {
		binary.LittleEndian.PutUint32(e[t.size:], from)
		*state |= hasRef
		if called != 0 {
			putNote(t.noteOf(e), called)
		}
	}
	*state |= want
	return number, nil
}

// named notes that the object with number from named the one with a number, unless something did before. It is
// for one goroutine alone.
func (t *table) named(number, from uint32) {
	e := t.at(&t.shards[number&(shardCount-1)], number>>shardBits)
	state := &e[t.size+4]
	if *state&hasRef == 0 && *state&stateType != byte(object.Commit) {
		binary.LittleEndian.PutUint32(e[t.size:], from)
		*state |= hasRef
	}
}

// entry returns the entry for id and its number, making it if need be. s.mu is held.
func (t *table) entry(s *shard, h uint64, id []byte) ([]byte, uint32, error) {
	if s.n >= uint32(len(s.index)/4)/4*3 {
		if err := t.grow(s); err != nil {
			return nil, 0, err
		}
	}
	at, place, found := t.probe(s, h, id)
	if !found {
		if err := t.add(s, id); err != nil {
			return nil, 0, err
		}
		binary.LittleEndian.PutUint32(s.index[at:], slotOf(h, place))
	}
	return t.at(s, place), place<<shardBits | uint32(h>>(64-shardBits)), nil
}

// probe looks for id. It returns where its slot is, or would be, and its place in the shard.
func (t *table) probe(s *shard, h uint64, id []byte) (at int, place uint32, found bool) {
	mask := len(s.index)/4 - 1
	for i := int(h) & mask; ; i = (i + 1) & mask {
		slot := binary.LittleEndian.Uint32(s.index[4*i:])
		if slot == 0 {
			return 4 * i, s.n, false
		}
		place := slot&maxPerShard - 1
		if slot == slotOf(h, place) && bytes.Equal(t.at(s, place)[:t.size], id) {
			return 4 * i, place, true
		}
	}
}

func slotOf(h uint64, place uint32) uint32 {
	return uint32(h>>(60-tagBits))<<numberBits | (place + 1)
}

// add appends an entry for id at place s.n.
func (t *table) add(s *shard, id []byte) error {
	if t.count.Add(1) > t.limit.Load() || s.n >= maxPerShard-1 {
		return errTooMany
	}
	if int(s.n>>chunkBits) == len(s.chunks) {
		c, err := t.arena.alloc(t.stride << chunkBits)
		if err != nil {
			return err
		}
		s.chunks = append(s.chunks, c)
	}
	s.n++
	copy(t.at(s, s.n-1), id)
	return nil
}

// grow doubles the index.
func (t *table) grow(s *shard) error {
	index, err := t.arena.alloc(max(2*len(s.index), 4<<8))
	if err != nil {
		return err
	}
	s.index = index
	mask := len(index)/4 - 1
	for place := range s.n {
		h := maphash.Bytes(t.seed, t.at(s, place)[:t.size])
		i := int(h) & mask
		for binary.LittleEndian.Uint32(index[4*i:]) != 0 {
			i = (i + 1) & mask
		}
		binary.LittleEndian.PutUint32(index[4*i:], slotOf(h, place))
	}
	return nil
}

// at returns the bytes of an entry.
func (t *table) at(s *shard, place uint32) []byte {
	from := int(place&(1<<chunkBits-1)) * t.stride
	return s.chunks[place>>chunkBits][from : from+t.stride]
}

// known is what the table has on one id.
type known struct {
	id     []byte // in the table's own memory
	number uint32
	ref    uint32
	state  byte
}

// get returns what is known of the object with a number. Nothing may be added meanwhile.
func (t *table) get(number uint32) known {
	e := t.at(&t.shards[number&(shardCount-1)], number>>shardBits)
	return known{id: e[:t.size], number: number, ref: binary.LittleEndian.Uint32(e[t.size:]), state: e[t.size+4]}
}

// find returns what is known of id.
func (t *table) find(id []byte) (known, bool) {
	h := maphash.Bytes(t.seed, id)
	s := &t.shards[h>>(64-shardBits)]
	if len(s.index) == 0 {
		return known{}, false
	}
	_, place, found := t.probe(s, h, id)
	if !found {
		return known{}, false
	}
	return t.get(place<<shardBits | uint32(h>>(64-shardBits))), true
}

// all calls f with everything known until it returns false.
func (t *table) all(f func(known) bool) {
	for i := range t.shards {
		for place := range t.shards[i].n {
			if !f(t.get(place<<shardBits | uint32(i))) {
				return
			}
		}
	}
}

// Is reports whether the object is there as type t.
func (k known) is(t object.Type) bool { return k.state&stateType == byte(t) }

// arena hands out zeroed memory in pieces, all of which are given back at once.
type arena struct {
	scratch func(int64) ([]byte, func(), error)
	mu      sync.Mutex // guards what follows
	rest    []byte
	free    []func()
}

const arenaPiece = 4 << 20

func (a *arena) alloc(n int) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > arenaPiece/4 {
		return a.take(n)
	}
	if n > len(a.rest) {
		piece, err := a.take(arenaPiece)
		if err != nil {
			return nil, err
		}
		a.rest = piece
	}
	b := a.rest[:n:n]
	a.rest = a.rest[n:]
	return b, nil
}

func (a *arena) take(n int) ([]byte, error) {
	if a.scratch == nil {
		return make([]byte, n), nil
	}
	b, free, err := a.scratch(int64(n))
	if err != nil {
		return nil, err
	}
	a.free = append(a.free, free)
	return b, nil
}

func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, free := range a.free {
		free()
	}
	a.free, a.rest = nil, nil
}
