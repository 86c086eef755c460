package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/rogpeppe/go-internal/testscript"
)

// startRelay: relay FILE runs a proxy that leads by CONNECT to what it is asked for, and notes that in FILE, a line each; its URL is $PROXY.
func startRelay(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: relay FILE")
	}
	note, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666)
	ts.Check(err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(note, r.Method, r.RequestURI)
		passOn(w, r)
	}))
	ts.Defer(func() {
		s.Close()
		note.Close()
	})
	ts.Setenv("PROXY", s.URL)
}

func passOn(w http.ResponseWriter, r *http.Request) {
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close()
	in, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n") //nolint:errcheck // a test's proxy
	go func() {                                   // ends with the server's connection
		io.Copy(out, in) //nolint:errcheck
		out.Close()
	}()
	io.Copy(in, out) //nolint:errcheck
}
