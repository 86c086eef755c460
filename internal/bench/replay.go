package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// replay answers a request that was asked before with what was answered then, so that a source takes no part in
// what is measured, as if it were on another machine. Negotiations differ in nothing else here. All answers stay in memory.
type replay struct {
	next http.Handler

	mu   sync.Mutex
	once map[[32]byte]*replayed // guarded by mu
}

type replayed struct {
	mu     sync.Mutex // held while it is asked for
	answer *recording // nil before there is a good one; guarded by mu
}

func newReplay(next http.Handler) *replay { return &replay{next: next, once: map[[32]byte]*replayed{}} }

// ServeHTTP answers from memory, or asks and keeps the answer.
func (p *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := plainBody(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := sha256.Sum256(fmt.Append(nil, r.Method, r.URL, r.Header.Get("Git-Protocol"), "\n", string(body)))
	p.mu.Lock()
	one := p.once[key]
	if one == nil {
		one = &replayed{}
		p.once[key] = one
	}
	p.mu.Unlock()
	one.mu.Lock()
	answer := one.answer
	if answer == nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Del("Content-Encoding")
		answer = &recording{header: http.Header{}, code: http.StatusOK}
		p.next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context()))) // whole, even when who asked first is gone
		if answer.code == http.StatusOK {
			one.answer = answer
		}
	}
	one.mu.Unlock()
	maps.Copy(w.Header(), answer.header)
	w.WriteHeader(answer.code)
	w.Write(answer.body.Bytes())
}

func plainBody(r *http.Request) ([]byte, error) {
	in := io.Reader(r.Body)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		zipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		in = zipped
	}
	return io.ReadAll(in)
}

// recording is an answer on its way into memory.
type recording struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (r *recording) Header() http.Header         { return r.header }
func (r *recording) WriteHeader(code int)        { r.code = code }
func (r *recording) Write(p []byte) (int, error) { return r.body.Write(p) }
func (r *recording) Flush()                      {}
