package rewrite

import (
	"context"
	"errors"
	"slices"
	"sync"

	"rehome/internal/compute"
	"rehome/internal/git/deflate"
	"rehome/internal/git/history"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
)

const (
	batchObjects = 128
	batchBytes   = 256 << 10 // a batch may go over it by its last object
	largeBatch   = 4 * batchBytes
	largeBatches = 2 // so many large ones at a time, for an object may have many megabytes
)

// sink deflates objects on several workers and writes them in the order they came.
type sink struct {
	ctx     context.Context // of the workers
	stop    context.CancelCauseFunc
	w       *pack.Writer
	now     *batch
	jobs    chan *batch // to be deflated
	ordered chan *batch // to be written, in this order
	spare   chan *batch
	large   chan struct{} // holds one for each large batch under way
	wg      sync.WaitGroup
	table   *deflate.Table // trained on the first batch
	workers int
	turn    *compute.Turn // of who adds; nil for none
}

// batch is objects that are deflated one after the other.
type batch struct {
	items    []item
	data     []byte
	streams  []byte
	deflated chan struct{} // holds one when streams is complete
}

// item is an object: its bytes, and then its stream, go up to ends in those of the batch.
type item struct {
	kind      object.Type
	id        object.ID
	end       int
	streamEnd int
}

func newSink(ctx context.Context, w *pack.Writer, workers int) *sink {
	s := &sink{w: w, workers: workers, now: newBatch()}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	s.jobs, s.ordered = make(chan *batch, workers), make(chan *batch, 2*workers)
	s.spare, s.large = make(chan *batch, 4*workers), make(chan struct{}, largeBatches)
	return s
}

// isLarge reports whether a batch takes more memory than one keeps.
func (b *batch) isLarge() bool { return cap(b.data) > largeBatch }

func newBatch() *batch { return &batch{deflated: make(chan struct{}, 1)} }

// add takes one object. Its bytes are copied.
func (s *sink) add(kind object.Type, id object.ID, data []byte) error {
	b := s.now
	b.data = append(b.data, data...)
	b.items = append(b.items, item{kind: kind, id: id, end: len(b.data)})
	if len(b.items) < batchObjects && len(b.data) < batchBytes {
		return nil
	}
	return s.send()
}

// send hands the batch at hand on.
func (s *sink) send() error {
	if s.table == nil {
		s.begin()
	}
	return s.turn.Aside(s.handOn)
}

// handOn may wait for the workers.
func (s *sink) handOn() error {
	if s.now.isLarge() {
		select {
		case s.large <- struct{}{}:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	for _, to := range []chan *batch{s.ordered, s.jobs} {
		select {
		case to <- s.now:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	select {
	case s.now = <-s.spare:
	default:
		s.now = newBatch()
	}
	return nil
}

// begin trains the codes on the first batch and starts the workers.
func (s *sink) begin() {
	var samples [][]byte
	from := 0
	for _, it := range s.now.items {
		samples = append(samples, s.now.data[from:it.end])
		from = it.end
	}
	s.table = deflate.Train(samples)
	for range s.workers {
		s.wg.Go(func() { s.guarded(s.deflate) })
	}
	s.wg.Go(func() { s.guarded(s.write) })
}

func (s *sink) guarded(do func() error) {
	if err := pack.Guard(do); err != nil {
		s.stop(err)
	}
}

func (s *sink) deflate() error {
	e := deflate.NewEncoder(s.table)
	for b := range s.jobs {
		b.deflate(e)
		b.deflated <- struct{}{}
	}
	return nil
}

func (b *batch) deflate(e *deflate.Encoder) {
	turn := compute.Take()
	defer turn.Give()
	from := 0
	for i := range b.items {
		b.streams = e.Append(b.streams, b.data[from:b.items[i].end])
		from, b.items[i].streamEnd = b.items[i].end, len(b.streams)
	}
}

func (s *sink) write() error {
	for b := range s.ordered {
		select {
		case <-b.deflated:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		from, streamFrom := 0, 0
		for _, it := range b.items {
			if _, err := s.w.Add(it.kind, it.id, int64(it.end-from), b.streams[streamFrom:it.streamEnd]); err != nil {
				return err
			}
			from, streamFrom = it.end, it.streamEnd
		}
		if b.isLarge() {
			<-s.large
			b.data, b.streams = nil, nil
		}
		b.items, b.data, b.streams = b.items[:0], b.data[:0], b.streams[:0]
		select {
		case s.spare <- b:
		default:
		}
	}
	return nil
}

// close writes what is left, if flush says so, and waits for the workers.
func (s *sink) close(flush bool) error {
	var err error
	if flush && len(s.now.items) > 0 {
		err = s.send()
	}
	if !flush || err != nil {
		s.stop(context.Canceled)
	}
	close(s.jobs)
	close(s.ordered)
	s.wg.Wait()
	if err == nil {
		err = context.Cause(s.ctx)
	}
	s.stop(nil)
	return err
}

// into rewrites into a pack. Nothing is written when nothing changes, or nothing is new.
func (p *pass) into(ctx context.Context, file, index pack.File, scratch pack.Scratch) (pack.Written, error) {
	most := int64(p.graph.Len())
	if p.known == nil && slices.ContainsFunc(p.o.Refs, isNotes) {
		most += maxNotesTrees(p.graph)
	}
	w, err := pack.NewWriter(file, pack.WriterOptions{Format: p.graph.Format(), Objects: most, Scratch: scratch})
	if err != nil {
		return pack.Written{}, err
	}
	defer w.Close()
	p.sink = newSink(ctx, w, p.o.Workers)
	err = pack.Guard(func() error { return p.rewrite(ctx) })
	if ended := p.sink.close(err == nil); err == nil {
		err = ended
	}
	if err != nil || p.result.CommitsChanged+p.result.TagsChanged == 0 || p.looked.Len() == 0 {
		return pack.Written{}, err
	}
	var written pack.Written
	err = pack.Guard(func() error {
		if err := errors.Join(p.copyReused(ctx, w, scratch), p.copyUnchanged(ctx, w)); err != nil {
			return err
		}
		written, err = w.Finish(ctx, index)
		return err
	})
	return written, err
}

// copyUnchanged copies the entries of what keeps its id: as they are where what they are made
// from is copied, too, made anew elsewhere.
func (p *pass) copyUnchanged(ctx context.Context, w *pack.Writer) error {
	const nowhere = ^uint32(0)
	at := make([]uint32, p.graph.Len()) // numbers in the new pack
	for n := range at {
		at[n] = nowhere
	}
	turn := compute.Take()
	defer turn.Give()
	e := deflate.NewEncoder(p.sink.table)
	var stream []byte
	for i, n := range p.graph.Stored() {
		turn.Pass()
		if i&0xffff == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		id := p.graph.ID(n)
		if !p.looked.Has(n) || p.result.changed.Has(n) || p.ids.has(id) {
			continue
		}
		kind := p.graph.Type(n)
		entry, base, packed, err := p.graph.Entry(n)
		if err != nil {
			return err
		}
		switch {
		case packed && entry.Base < 0:
			at[n], err = w.Add(kind, id, entry.Stored, entry.Stream)
		case packed && base != history.None && at[base] != nowhere:
			at[n], err = w.AddDelta(kind, id, at[base], entry.Stored, entry.Stream)
		default:
			data := p.graph.Bytes(n)
			stream = e.Append(stream[:0], data)
			at[n], err = w.Add(kind, id, int64(len(data)), stream)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
