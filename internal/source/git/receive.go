package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/object"
	"rehome/internal/git/pack"
	"rehome/internal/git/protocol"
	"rehome/internal/git/repo"
	"rehome/internal/git/transport"
	"rehome/internal/source"
)

// receive asks for everything wants reach, but for what is here, and takes it into to.
func (g *Git) receive(ctx context.Context, c transport.Conversation, r source.Request, to *repo.Repo, wants []object.ID, h have) (repo.Received, error) {
	ad := c.Advertisement()
	request := protocol.Fetch{
		Version: ad.Version, Agent: g.transport.Agent(), Format: ad.Format, Capabilities: ad.Capabilities, Wants: wants, Haves: h.haves,
	}
	if r.HistoryOnly {
		request.Filter = "tree:0"
	}
	m := &meter{tell: r.Progress}
	ctx, drop := context.WithCancel(ctx)
	defer drop()
	floor := egress.NewFloor(drop)
	defer floor.Stop()
	stream, err := begin(ctx, c, request, m.hear)
	if said := (*protocol.RemoteError)(nil); request.Filters() && errors.As(err, &said) {
		// Git offers filters and may be told to refuse some of them (uploadpackfilter.<filter>.allow).
		c.Finish()
		request.Filter = ""
		stream, err = begin(ctx, c, request, m.hear)
	}
	if err != nil {
		return repo.Received{}, err
	}
	o := repo.ReceiveOptions{Limits: h.within(r.Limits.Pack), Progress: m.count, Workers: workers(r.Workers)}
	if r.Visit != nil {
		o.Visit = r.Visit(ad.Format)
	}
	from := &foreign{r: floor.Reader(stream), floor: floor}
	got, err := to.Receive(ctx, from, o)
	if from.err != nil {
		err = from.err
	}
	return got, err
}

// begin sends a request and returns the pack that answers it.
func begin(ctx context.Context, c transport.Conversation, request protocol.Fetch, hear func([]byte)) (io.Reader, error) {
	in, err := c.Ask(ctx, transport.Request{Write: request.Encode})
	if err != nil {
		return nil, err
	}
	stream, err := request.Pack(in, hear)
	if err != nil {
		return nil, &transport.CutError{Err: err}
	}
	return stream, nil
}

// foreign remembers that reading the source failed, as opposed to anything on this machine.
type foreign struct {
	r     io.Reader
	floor *egress.Floor
	err   error // *transport.CutError; nil at the end of the stream
}

func (f *foreign) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && err != io.EOF {
		f.err = &transport.CutError{Err: f.floor.Explain(err)}
	}
	return n, err
}

// The steps in which progress is told: the clock has no say in it.
const (
	tellBytes   = 256 << 10
	tellObjects = 4096
)

// meter gathers how far a fetch has come and tells it now and then. Safe for concurrent use.
type meter struct {
	tell func(source.Progress)

	mu   sync.Mutex
	told pack.Progress // guarded by mu, as what follows
	last pack.Progress
	line []byte // the server's line so far
	text string
}

// count takes what the pack pass says.
func (m *meter) count(p pack.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = p
	if p.Resolving != m.told.Resolving || p.Objects == p.Total ||
		p.Bytes-m.told.Bytes >= tellBytes || p.Objects-m.told.Objects >= tellObjects {
		m.send("")
	}
}

// hear takes a piece of the server's progress band and tells the last line that ends in it.
func (m *meter) hear(piece []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.line = append(m.line, piece...)
	end := bytes.LastIndexAny(m.line, "\r\n")
	if end < 0 {
		m.line = m.line[max(0, len(m.line)-maxText):]
		return
	}
	whole := bytes.TrimRight(m.line[:end], "\r\n")
	text := rehome.Clean(string(whole[bytes.LastIndexAny(whole, "\r\n")+1:]), maxText)
	m.line = append(m.line[:0], m.line[end+1:]...)
	if text != "" && text != m.text {
		m.text = text
		m.send(text)
	}
}

// send tells the newest state; mu is held.
func (m *meter) send(text string) {
	m.told = m.last
	if m.tell != nil {
		m.tell(source.Progress{Progress: m.last, Text: text})
	}
}
