package egress

import (
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"testing"

	"rehome"
)

// TestAServiceThatGreets: most services that are not HTTP speak first, and may do so before the request is on its way.
func TestAServiceThatGreets(t *testing.T) {
	before := log.Writer()
	log.SetOutput(io.Discard) // net/http shows the greeting there
	t.Cleanup(func() { log.SetOutput(before) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	hungUp := make(chan struct{})
	go func() { // ends with the connection
		defer close(hungUp)
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, "SSH-2.0-canary\r\n") //nolint:errcheck // a test's server
		io.Copy(io.Discard, c)                  //nolint:errcheck
		c.Close()
	}()
	waits := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { <-hungUp }})
	r, err := http.NewRequestWithContext(waits, http.MethodGet, "http://"+l.Addr().String()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = newClient(t, Policy{AllowPrivate: true}).Do(r)
	if rehome.CodeOf(err) != rehome.Unreachable || !errors.Is(err, ErrNotHTTP) {
		t.Errorf("got %v, want that it does not speak HTTP", err)
	}
}
