package transport

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/protocol"
	"rehome/internal/remote"
)

// gzipOver is the size of a request from which it is worth compressing, as in git.
const gzipOver = 1024

// workTime is how long a server may do without a word what a streamed request says: some forges keep what git tells
// meanwhile until there is more of it.
const workTime = 30 * time.Minute

// site is a smart HTTP server (gitprotocol-http). It fills Conversation.
type site struct {
	t    *Transport
	q    Question
	at   remote.Location // where it was found, redirects followed; credentials only while they may go there
	ad   protocol.Advertisement
	body io.ReadCloser // of the answer being read; nil when there is none
	sent *sending      // the request it answers, while it is being sent; nil when there is none
}

// Advertisement implements Conversation.
func (s *site) Advertisement() protocol.Advertisement { return s.ad }

// At implements Conversation.
func (s *site) At() remote.Location { return s.at }

// discover asks for the refs at l and checks that a Git server answers.
func (t *Transport) discover(ctx context.Context, l remote.Location, q Question) (*site, error) {
	ctx, cancel := context.WithTimeout(ctx, t.o.Patience)
	defer cancel()
	s := &site{t: t, q: q, at: l}
	version := 2
	if q.Service == protocol.ReceivePack {
		version = 0 // the last there is
	}
	r, err := s.request(ctx, http.MethodGet, "/info/refs?service="+string(q.Service), nil, version)
	if err != nil {
		return nil, err
	}
	resp, err := t.o.Client.DoWithin(r, q.Silence)
	if err != nil {
		return nil, err
	}
	if err := s.take(resp, "application/x-"+string(q.Service)+"-advertisement"); err != nil {
		return nil, err
	}
	if err = s.move(resp.Request.URL); err == nil {
		err = s.read(resp.Body)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	s.Finish()
	return s, nil
}

func (s *site) read(body io.Reader) (err error) {
	in := protocol.NewReader(body)
	if err = protocol.ReadService(in, s.q.Service); err == nil {
		s.ad, err = protocol.ReadAdvertisement(in, s.q.Limits)
	}
	return err
}

// move follows the redirects discovery took: later requests go where they led, without
// the credentials when that is another origin.
func (s *site) move(to *url.URL) error {
	path, ok := strings.CutSuffix(to.Path, "/info/refs")
	if !ok {
		return NotARepository("it redirects to something else")
	}
	base := url.URL{Scheme: to.Scheme, Host: to.Host, Path: path, RawPath: strings.TrimSuffix(to.RawPath, "/info/refs")}
	if !egress.SameOrigin(s.at.URL, &base) {
		s.at.Username, s.at.Password = "", ""
	}
	s.at.URL = &base
	return nil
}

// Ask implements Conversation.
func (s *site) Ask(ctx context.Context, q Request) (*protocol.Reader, error) {
	var resp *http.Response
	var err error
	if q.Stream {
		resp, err = s.stream(ctx, q)
	} else {
		resp, err = s.post(ctx, q)
	}
	if err != nil {
		return nil, err
	}
	if err := s.take(resp, "application/x-"+string(s.q.Service)+"-result"); err != nil {
		return nil, err
	}
	return protocol.NewReader(&answer{s.body, s.sent}), nil
}

// post sends a request that is gathered first.
func (s *site) post(ctx context.Context, q Request) (*http.Response, error) {
	var body bytes.Buffer
	if err := q.Write(&body); err != nil {
		return nil, err
	}
	packed := body.Len() > gzipOver
	if packed {
		body = compress(body.Bytes())
	}
	r, err := s.request(ctx, http.MethodPost, "/"+string(s.q.Service), &body, s.ad.Version)
	if err != nil {
		return nil, err
	}
	if packed {
		r.Header.Set("Content-Encoding", "gzip")
	}
	if q.Silence > 0 {
		return s.t.o.Client.DoWithin(r, q.Silence)
	}
	return s.t.o.Client.Do(r)
}

// stream sends a request as it is written.
func (s *site) stream(ctx context.Context, q Request) (*http.Response, error) {
	sent := send(q.Write)
	r, err := s.request(ctx, http.MethodPost, "/"+string(s.q.Service), sent, s.ad.Version)
	if err != nil {
		sent.end()
		return nil, err
	}
	r.ContentLength = q.Size
	if q.Silence == 0 {
		q.Silence = workTime
	}
	resp, err := s.t.o.Client.DoStream(r, q.Silence)
	if err != nil {
		sent.end()
		if own := sent.fault(); own != nil {
			return nil, own
		}
		return nil, err
	}
	s.sent = sent
	return resp, nil
}

// sending is the body of a request while something writes it.
type sending struct {
	*io.PipeReader
	done chan struct{}
	err  error // of what writes it; settled once done is closed
}

// send begins to write a body.
func send(write func(io.Writer) error) *sending {
	r, w := io.Pipe()
	s := &sending{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = write(w)
		w.CloseWithError(s.err)
	}()
	return s
}

// end stops the writer, if it is not done, and waits for it.
func (s *sending) end() {
	s.Close()
	<-s.done
}

// fault is why the writer, of its own, could not go on. nil while it does.
func (s *sending) fault() error {
	select {
	case <-s.done:
		if !errors.Is(s.err, io.ErrClosedPipe) {
			return s.err
		}
	default:
	}
	return nil
}

// answer is the body of an answer. Where it breaks off because the request did, it says what broke that.
type answer struct {
	io.Reader
	to *sending // nil when all was sent before
}

func (a *answer) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && err != io.EOF && a.to != nil {
		if own := a.to.fault(); own != nil {
			err = own
		}
	}
	return n, err
}

func compress(b []byte) bytes.Buffer {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out
}

// request makes a request for tail below the repository, in protocol version version.
func (s *site) request(ctx context.Context, method, tail string, body io.Reader, version int) (*http.Request, error) {
	target := strings.TrimSuffix(s.at.URL.String(), "/") + tail
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, NotARepository("the address cannot be asked")
	}
	r.Header.Set("User-Agent", s.t.agent)
	r.Header.Set("Accept", "*/*")
	r.Header.Set("Pragma", "no-cache")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-"+string(s.q.Service)+"-request")
	}
	if version > 0 {
		r.Header.Set("Git-Protocol", fmt.Sprintf("version=%d", version))
	}
	if signsIn(s.at) {
		r.SetBasicAuth(s.at.Username, string(s.at.Password))
	}
	return r, nil
}

func signsIn(l remote.Location) bool { return l.Username != "" || l.Password != "" }

// take checks that the answer is what was asked for. Its body becomes the site's current one.
func (s *site) take(resp *http.Response, contentType string) error {
	s.body = resp.Body
	if err := s.check(resp, contentType); err != nil {
		s.Close()
		return err
	}
	return nil
}

func (s *site) check(resp *http.Response, want string) error {
	if resp.StatusCode != http.StatusOK {
		return s.refusal(resp)
	}
	header := resp.Header.Get("Content-Type")
	got, _, err := mime.ParseMediaType(header)
	switch {
	case err != nil:
		return NotARepository("the answer does not say what it is")
	case got == "text/plain" && resp.Request.Method == http.MethodGet:
		return NotARepository("it is plain text; if this is a repository, it is served by the old \"dumb\" protocol only")
	case got != want && remote.RepeatsSecret(s.at, header+"\n"+got):
		return NotARepository("it is something else")
	case got != want:
		return NotARepository(fmt.Sprintf("it is %q", rehome.Clean(got, maxText)))
	case resp.Header.Get("Content-Encoding") != "":
		return NotARepository("the answer is compressed, which was not asked for")
	}
	return nil
}

// Finish implements Conversation. It reads on to the end, so that the connection can be used again.
func (s *site) Finish() {
	if s.body != nil {
		io.CopyN(io.Discard, s.body, 1)
	}
	s.Close()
}

// Close implements Conversation.
func (s *site) Close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	if s.sent != nil {
		s.sent.end()
		s.sent = nil
	}
	return err
}
