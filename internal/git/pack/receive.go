package pack

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"sync/atomic"

	"rehome/internal/compute"
	"rehome/internal/git/object"
)

// File is what a pack or an index is written to. *os.File is one.
type File interface {
	io.Writer
	io.WriterAt
	io.ReaderAt
}

// Storage is where a pass puts things. All files are empty when it begins.
type Storage struct {
	History, HistoryIndex File
	Content, ContentIndex File
	Pending               File // entries put aside; worthless afterwards
	Map                   func(f File, size int64) (memory []byte, free func(), err error)
	Scratch               Scratch
}

// Options say how a pack is received.
type Options struct {
	Format   object.Format
	Limits   Limits
	Visit    Visit          // may be nil
	Progress func(Progress) // called now and then; may be nil
	Workers  int            // goroutines that resolve deltas; at least 1
	Storage  Storage

	// For tests; 0 means the constants of the same names.
	heldPath  int64
	madeFloor int64
}

// Summary is what a received pack held.
type Summary struct {
	Commits, Tags, Trees, Blobs int64
	Bytes                       int64 // of the pack as it came
	History, Content            Written
}

// Written is one of the two packs as written.
type Written struct {
	Entries int64
	Bytes   int64
	Sum     []byte // its checksum, which names the file; nil without entries
}

// Receive reads one pack from in, to its end, and writes it as a history pack and a
// content pack with their indexes. After an error what the files hold is worthless.
// Errors wrap ErrCorrupt, a *LimitError, io.ErrUnexpectedEOF for a stream cut off,
// object.ErrCollision, or what reading, writing or visiting returned.
func Receive(ctx context.Context, in io.Reader, o Options) (Summary, error) {
	p, err := read(ctx, in, o)
	if p != nil {
		defer p.close()
	}
	if err != nil {
		return Summary{}, fmt.Errorf("receive pack: %w", err)
	}
	for _, step := range []func(context.Context) error{p.resolve, p.settle, p.finish} {
		if err := Guard(func() error { return step(ctx) }); err != nil {
			return Summary{}, fmt.Errorf("receive pack: %w", err)
		}
	}
	return p.summary, nil
}

// read reads the pack to its end. p is nil when it did not come so far that there is something to close.
func read(ctx context.Context, in io.Reader, o Options) (p *pass, err error) {
	turn := compute.Take()
	defer turn.Give()
	if p, err = begin(turn.Reader(until(ctx, in)), o); err != nil {
		return nil, err
	}
	return p, Guard(func() error { return p.scan(ctx) })
}

// pass is a pack being received.
type pass struct {
	o       Options
	in      *stream
	entries int64
	history *packWriter
	content *packWriter
	origins origins
	pending *waiting     // nil until an entry was put aside
	places  *places      // nil until an entry has named its base by id
	chains  *chains      // objects of either pack, made whole
	made    atomic.Int64 // bytes, by deltas
	big     streamInflater
	hasher  *object.Hasher
	buf     []byte // what an entry at hand holds, up to heldEntry
	object  Object // being visited
	summary Summary
}

// begin reads the pack's header and makes the tables for what it announces.
func begin(in io.Reader, o Options) (*pass, error) {
	o.Limits, o.Workers = o.Limits.orDefault(), max(o.Workers, 1)
	o.heldPath = cmp.Or(o.heldPath, max(heldPath/int64(o.Workers), mappedBytes))
	o.madeFloor = cmp.Or(o.madeFloor, madeFloor)
	if o.Visit == nil {
		o.Visit = func(*Object) error { return nil }
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	p := &pass{o: o, in: newStream(in, o.Format, o.Limits.PackBytes), hasher: object.NewHasher(o.Format)}
	head, err := p.in.peek(packHeader)
	if err != nil {
		return nil, err
	}
	if len(head) < packHeader {
		return nil, fmt.Errorf("read pack header: %w", io.ErrUnexpectedEOF)
	}
	n, err := decodePackHeader(head)
	if err != nil {
		return nil, err
	}
	p.entries = int64(n)
	if limit := min(o.Limits.Objects, math.MaxInt32); p.entries > limit {
		return nil, &LimitError{WhatObjects, p.entries, limit}
	}
	if err := p.in.take(head); err != nil {
		return nil, err
	}
	return p, p.open()
}

// open makes the tables and the two packs.
func (p *pass) open() (err error) {
	s := p.o.Storage
	if p.history, err = newPackWriter(s.History, p.o.Format, p.entries, s.Scratch); err != nil {
		return err
	}
	if p.content, err = newPackWriter(s.Content, p.o.Format, p.entries, s.Scratch); err != nil {
		p.close()
		return err
	}
	if p.origins, err = newOrigins(p.entries, s.Scratch); err != nil {
		p.close()
		return err
	}
	p.chains = &chains{buffers: buffers{scratch: s.Scratch}, spend: p.spend}
	return nil
}

func (p *pass) close() {
	for _, w := range []*packWriter{p.history, p.content} {
		if w != nil {
			w.table.scratch.close()
		}
	}
	p.origins.scratch.close()
	if p.pending != nil {
		p.pending.scratch.close()
	}
	if p.places != nil {
		p.places.scratch.close()
	}
	if p.chains != nil {
		p.chains.buffers.close()
	}
}

// visit shows an object to the visitor, on the goroutine that reads the stream.
func (p *pass) visit(o Object) error {
	w := p.content
	if o.Type == object.Commit || o.Type == object.Tag {
		w = p.history
	}
	p.object = o
	p.object.Stored = w.table.length(o.Pos)
	return p.o.Visit(&p.object)
}

// placeOf returns where the object of an id went. The first call gathers the ids known so far.
func (p *pass) placeOf(id object.ID) (place uint32, ok bool, err error) {
	if p.places == nil {
		if p.places, err = newPlaces(p.history.table, p.content.table, p.entries, p.o.Storage.Scratch); err != nil {
			return 0, false, err
		}
	}
	place, ok = p.places.find(id)
	return place, ok, nil
}

// learn notes the id of the entry at place, for those that name it as their base.
func (p *pass) learn(id object.ID, place uint32) {
	if place&inContent != 0 {
		p.content.table.setID(place&^inContent, id)
	} else {
		p.history.table.setID(place, id)
	}
	if p.places != nil {
		p.places.add(id, place)
	}
}

// progress reports how far the pass has come.
func (p *pass) progress(objects int64, resolving bool) {
	p.o.Progress(Progress{
		Objects: objects, Total: p.entries, Commits: p.summary.Commits,
		Bytes: p.in.n, Resolving: resolving,
	})
}

// count adds one object of type t to the summary.
func (p *pass) count(t object.Type) {
	switch t {
	case object.Commit:
		p.summary.Commits++
	case object.Tag:
		p.summary.Tags++
	case object.Tree:
		p.summary.Trees++
	case object.Blob:
		p.summary.Blobs++
	}
}
