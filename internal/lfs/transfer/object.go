package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"rehome/internal/lfs"
)

// settle brings one object or notes that it is missing.
func (d *download) settle(ctx context.Context, a answer) error {
	p := part{download: d, object: a.object}
	p.enter()
	defer p.leave()
	defer p.drop()
	before := d.counted()
	err := p.bring(ctx, a)
	if err != nil {
		forgone := d.forgoes(ctx, err)
		if err := d.without(ctx, err, a.object); err != nil {
			return err
		}
		if forgone {
			d.giveUp(err, before)
		}
		return nil
	}
	d.count()
	d.Done(a.object)
	return nil
}

// part is an object on its way.
type part struct {
	*download
	object lfs.Object
	writer *lfs.Writer // nil before the first byte
	size   int64       // bytes in writer
	mark   int64       // size when tries were counted from the beginning last
	wrong  int         // how often what came was not the object
	onLine bool        // it holds one of lines
}

// enter waits for a line.
func (p *part) enter() {
	p.lines <- struct{}{}
	p.onLine = true
}

// leave lets another one have the line.
func (p *part) leave() {
	if p.onLine {
		<-p.lines
		p.onLine = false
	}
}

// drop throws away what came.
func (p *part) drop() {
	if p.writer != nil {
		p.writer.Close()
	}
	p.writer, p.size, p.mark = nil, 0, 0
}

// bring tries until the object is in the store or there is no hope.
func (p *part) bring(ctx context.Context, a answer) error {
	return p.pursue(ctx, a, func(a answer) error { return p.get(ctx, a) }, func(try int, why *laterError) (int, error) {
		if p.size >= p.mark+stepBytes {
			p.mark, try = p.size, 0
		}
		if !why.atOnce && p.tired() {
			return 0, why.err
		}
		return try, nil
	})
}

// get follows an answer.
func (p *part) get(ctx context.Context, a answer) error {
	switch why := p.says(a); {
	case why != nil:
		return why
	case a.link == nil:
		return &lackError{&objectError{a.object.OID, errors.New("it has no link to it")}}
	}
	if why := p.hopeless(a); why != nil {
		return &lackError{why}
	}
	return p.follow(ctx, a.link)
}

// follow downloads from a link what is not there yet.
func (p *part) follow(ctx context.Context, l *link) error {
	err := p.paced(ctx, "stopped sending in the middle of an object", func(ctx context.Context, on func()) error {
		resp, err := p.open(ctx, l)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		return p.take(ctx, resp, on)
	})
	if err != nil {
		return err
	}
	return p.keep(ctx) // a disk may take its time
}

// keep puts what came into the store, if it is the object. Meanwhile another one can come.
func (p *part) keep(ctx context.Context) error {
	p.leave()
	err := p.writer.KeepAs(ctx, p.object)
	var wrong *lfs.MismatchError
	if errors.As(err, &wrong) {
		p.enter()
		return p.isWrong(wrong)
	}
	return err
}

// maxWrong is how often a server may give wrong bytes for an object: it has no others, and with many such
// objects a longer patience would be for days.
const maxWrong = 3

// isWrong throws away what came.
func (p *part) isWrong(why error) error {
	p.drop()
	if p.wrong++; p.wrong >= maxWrong {
		return &lackError{why}
	}
	return &laterError{err: &lackError{why}}
}

// open asks for what is not there yet.
func (p *part) open(ctx context.Context, l *link) (*http.Response, error) {
	r, err := p.ask(ctx, http.MethodGet, l, nil)
	if err != nil {
		return nil, err
	}
	if p.size > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
	}
	resp, err := p.Client.Do(r)
	if err != nil {
		return nil, p.unreached(l.href, true, err)
	}
	return resp, nil
}

// take checks what comes and writes it. Each stepBytes it calls on.
func (p *part) take(ctx context.Context, resp *http.Response, on func()) error {
	skip, err := p.begins(resp)
	if err != nil {
		return err
	}
	if p.writer == nil {
		if p.writer, err = p.Store.Create(); err != nil {
			return err
		}
	}
	return p.copy(ctx, resp.Body, skip, on)
}

// begins judges the head of an answer and returns how many of its bytes are there already.
func (p *part) begins(resp *http.Response) (skip int64, err error) {
	code, length := resp.StatusCode, resp.ContentLength
	whole := p.object.Size
	switch {
	case code == http.StatusPartialContent && p.size > 0:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/", p.size, whole-1)) {
			return 0, p.isWrong(errors.New("it gives another part than the one asked for"))
		}
		whole -= p.size
	case code == http.StatusOK:
		skip = p.size
	case code == http.StatusRequestedRangeNotSatisfiable && p.size > 0:
		p.drop()
		return 0, &laterError{err: &lackError{&objectError{p.object.OID, p.said(resp)}}}
	default:
		return 0, p.refused(p.object, resp)
	}
	if length >= 0 && length != whole {
		return 0, &laterError{err: &lackError{&otherError{fmt.Errorf("it has %d bytes for object %s, not %d", length, p.object.OID, whole)}}, atOnce: true}
	}
	if resp.Header.Get("Content-Encoding") != "" {
		return 0, &lackError{errors.New("it sends objects compressed, which was not asked for")}
	}
	return skip, nil
}

// chunks are for copying.
var chunks = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// copy writes what comes, the first skip bytes aside, and not more than the object has.
func (p *part) copy(ctx context.Context, in io.Reader, skip int64, on func()) error {
	chunk := chunks.Get().(*[128 << 10]byte)
	defer chunks.Put(chunk)
	step := int64(0)
	defer func() { p.Bytes(step) }()
	for {
		n, err := in.Read(chunk[:])
		came := chunk[:n]
		if step += int64(n); step >= stepBytes {
			on()
			p.Bytes(step)
			step = 0
		}
		if skipped := min(skip, int64(n)); skipped > 0 {
			came, skip = came[skipped:], skip-skipped
		}
		if p.size+int64(len(came)) > p.object.Size {
			return p.isWrong(&otherError{fmt.Errorf("it sends more than the %d bytes of object %s", p.object.Size, p.object.OID)})
		}
		written, failed := p.writer.Write(came)
		p.size += int64(written)
		switch {
		case failed != nil:
			return fmt.Errorf("write LFS object: %w", failed)
		case err == io.EOF && p.size == p.object.Size:
			return nil
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
			fallthrough
		case err != nil:
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return &laterError{err: p.cutOff("stopped sending in the middle of an object", err)}
		}
	}
}
