package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptReceiver is where a script's webhooks arrive. Safe for concurrent use.
type scriptReceiver struct {
	secret string
	code   int // what it answers

	mu   sync.Mutex
	came []told // guarded by mu
}

// told is one delivery.
type told struct {
	kind    string // ping, success, failure or cancelled
	header  http.Header
	payload []byte
	signed  string // good, wrong or none
}

// startReceiver: receiver NAME [secret=S] [answer=CODE] takes webhooks, whose signatures it checks; its URL is $NAME.
func startReceiver(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 1 {
		ts.Fatalf("usage: receiver NAME [secret=S] [answer=CODE]")
	}
	r := &scriptReceiver{code: http.StatusOK}
	for _, arg := range args[1:] {
		name, value, _ := cutPair(arg)
		switch name {
		case "secret":
			r.secret = value
		case "answer":
			code, err := strconv.Atoi(value)
			ts.Check(err)
			r.code = code
		default:
			ts.Fatalf("receiver: unknown %q", arg)
		}
	}
	server := httptest.NewServer(r)
	state := stateOf(ts)
	state.tb.Cleanup(server.Close)
	if state.receivers == nil {
		state.receivers = map[string]*scriptReceiver{}
	}
	state.receivers[args[0]] = r
	ts.Setenv(args[0], server.URL)
}

func (r *scriptReceiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	one := told{kind: q.Header.Get("X-GitHub-Event"), header: q.Header, payload: body, signed: r.signature(q.Header, body)}
	if q.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(body))
		if err == nil {
			one.payload = []byte(form.Get("payload"))
		}
	}
	var end struct{ Status string }
	if json.Unmarshal(one.payload, &end) == nil && end.Status != "" {
		one.kind = end.Status
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.came = append(r.came, one)
	w.WriteHeader(r.code)
}

func (r *scriptReceiver) signature(h http.Header, body []byte) string {
	mac := hmac.New(sha256.New, []byte(r.secret))
	mac.Write(body)
	switch h.Get("X-Hub-Signature-256") {
	case "":
		return "none"
	case "sha256=" + hex.EncodeToString(mac.Sum(nil)):
		return "good"
	}
	return "wrong"
}

// received: received NAME KIND [N] waits for the Nth webhook of a kind (ping, success, failure, cancelled) at a receiver, the
// first without N. Its payload is stdout; whether it is signed, and its headers, are stderr. ! received wants none to have come.
func received(ts *testscript.TestScript, neg bool, args []string) {
	n := 1
	if len(args) > 2 {
		asked, err := strconv.Atoi(args[2])
		ts.Check(err)
		n = asked
	}
	r := stateOf(ts).receivers[args[0]]
	if r == nil || len(args) < 2 {
		ts.Fatalf("usage: received NAME KIND [N], after receiver NAME")
	}
	if neg {
		if _, ok, _ := r.nth(args[1], n); ok {
			ts.Fatalf("a webhook %q came", args[1])
		}
		return
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		one, ok, kinds := r.nth(args[1], n)
		if ok {
			fmt.Fprintf(ts.Stdout(), "%s\n", one.payload)
			fmt.Fprintf(ts.Stderr(), "signature: %s\n", one.signed)
			one.header.Write(ts.Stderr())
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no %d. webhook %q came, but %q", n, args[1], kinds)
		}
	}
}

// nth is the nth of a kind, from 1, false while it has not come; kinds are all that came.
func (r *scriptReceiver) nth(kind string, n int) (one told, ok bool, kinds []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.came {
		kinds = append(kinds, t.kind)
	}
	all := slices.DeleteFunc(slices.Clone(r.came), func(t told) bool { return t.kind != kind })
	if n < 1 || len(all) < n {
		return told{}, false, kinds
	}
	return all[n-1], true, kinds
}
