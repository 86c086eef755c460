package pack

import (
	"context"
	"fmt"
	"io"
	"math"

	"rehome/internal/git/inflate"
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

	heldPath int64 // what a walker keeps of its path, bytes; 0 means heldPath
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
	p, err := begin(in, o)
	if err != nil {
		return Summary{}, fmt.Errorf("receive pack: %w", err)
	}
	defer p.close()
	for _, step := range []func(context.Context) error{p.scan, p.resolve, p.settle, p.finish} {
		if err := Guard(func() error { return step(ctx) }); err != nil {
			return Summary{}, fmt.Errorf("receive pack: %w", err)
		}
	}
	return p.summary, nil
}

// pass is a pack being received.
type pass struct {
	o       Options
	in      *stream
	entries int64
	history *packWriter
	content *packWriter
	origins origins
	pending []pending
	chains  *chains // objects of either pack, made whole
	big     streamInflater
	small   inflate.Decoder
	hasher  *object.Hasher
	buf     []byte // an object of the content pack on its way to the hash
	summary Summary
}

// begin reads the pack's header and makes the tables for what it announces.
func begin(in io.Reader, o Options) (*pass, error) {
	o.Limits, o.Workers = o.Limits.orDefault(), max(o.Workers, 1)
	if o.heldPath == 0 {
		o.heldPath = heldPath
	}
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
		return nil, &LimitError{"objects in the pack", p.entries, limit}
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
	p.chains = newChains()
	return nil
}

func (p *pass) close() {
	for _, w := range []*packWriter{p.history, p.content} {
		if w != nil {
			w.table.close()
		}
	}
	p.origins.close()
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
