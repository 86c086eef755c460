package destination

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rehome"
	"rehome/internal/egress"
	"rehome/internal/git/transport"
	"rehome/internal/testenv"
)

// act is what stands before a destination does with a push.
type act = func(w http.ResponseWriter, r *http.Request, onward http.Handler)

// before does something before the push reaches git.
func before(do func()) act {
	return func(w http.ResponseWriter, r *http.Request, onward http.Handler) {
		do()
		onward.ServeHTTP(w, r)
	}
}

// through lets a push through.
func through(w http.ResponseWriter, r *http.Request, onward http.Handler) { onward.ServeHTTP(w, r) }

// times does one thing so many times, and then another.
func times(n int64, do, then act) act {
	var done atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, onward http.Handler) {
		if done.Add(1) > n {
			then(w, r, onward)
			return
		}
		do(w, r, onward)
	}
}

// cut ends the connection once so many percent of the push were read; at 100 the push is done before, and its report lost.
func cut(percent int64) act {
	return func(w http.ResponseWriter, r *http.Request, onward http.Handler) {
		if percent < 100 {
			io.CopyN(io.Discard, r.Body, r.ContentLength*percent/100)
		} else {
			onward.ServeHTTP(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	}
}

// status answers with a status and words, once a part of the push was read.
func status(code int, words string) act {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.CopyN(io.Discard, r.Body, 1000)
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Location", "/elsewhere.git/git-receive-pack")
		w.WriteHeader(code)
		io.WriteString(w, words)
	}
}

// reports answers with a report of its own; moved says that the push is done before.
func reports(moved bool, lines ...string) act {
	return func(w http.ResponseWriter, r *http.Request, onward http.Handler) {
		if moved {
			onward.ServeHTTP(httptest.NewRecorder(), r)
		}
		io.Copy(io.Discard, r.Body)
		var report strings.Builder
		for _, line := range lines {
			report.WriteString(pkt("%s\n", line))
		}
		report.WriteString("0000")
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		io.WriteString(w, pkt("\x01%s", report.String())+"0000")
	}
}

// TestFailingDestinations fails in many ways: the error has its code and words, and once the destination is well again
// the same push brings everything.
func TestFailingDestinations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		act   act
		code  rehome.Code
		words string // in message or hint
		tries int
	}{
		{"401", status(401, "who are you"), rehome.DestinationRefused, "user name and password", 1},
		{"403", status(403, "pushing is for members"), rehome.DestinationRefused, "pushing is for members", 1},
		{"404", status(404, ""), rehome.DestinationMissing, "status 404", 1},
		{"413", status(413, ""), rehome.DestinationRefused, "{push_limit}", 1},
		{"500", status(500, "the database is away"), rehome.DestinationCutOff, "the database is away", 3},
		{"503", status(503, ""), rehome.DestinationCutOff, "status 503", 3},
		{"redirect", status(307, ""), rehome.DestinationMissing, "redirect", 1},
		{"200 and HTML", html, rehome.DestinationMissing, "text/html", 1},
		{"cut at 20 %", cut(20), rehome.DestinationCutOff, "destination", 3},
		{"cut at 60 %", cut(60), rehome.DestinationCutOff, "destination", 3},
		{"hang", hang, rehome.DestinationCutOff, "destination", 3},
		{"unpack error", reports(false, "unpack index-pack abnormal exit"), rehome.DestinationRefused, "index-pack abnormal exit", 1},
		{"no report", raw("0000"), rehome.DestinationCutOff, "destination", 3},
		{"half a report", raw(pkt("\x01%s", pkt("unpack ok\n"))), rehome.DestinationCutOff, "destination", 3},
		{"no protocol", raw("hello, world"), rehome.DestinationRefused, "protocol", 1},
		{"an error on the sideband", raw(pkt("\x03the disk is on fire") + "0000"), rehome.DestinationCutOff, "the disk is on fire", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sha1")
			if w.push = c.act; c.name == "hang" {
				w.reach(egress.Policy{Idle: 300 * time.Millisecond}, transport.SSH{})
				w.work = time.Second
			}
			_, err := w.Push(t.Context(), w.first())
			e := rehome.AsError(err)
			if e.Code != c.code || !strings.Contains(e.Message+" "+e.Hint, c.words) || strings.Contains(err.Error()+e.Hint, "hunter2") {
				t.Errorf("%+v", e)
			}
			if strings.Contains(strings.ToLower(e.Message), "source") {
				t.Errorf("the destination is no source: %s", e.Message)
			}
			if n := len(w.pushes()); n != c.tries {
				t.Errorf("%d tries", n)
			}
			if n := len(refsIn(t, w.to)); n > 0 {
				t.Errorf("%d refs moved", n)
			}
			w.push = nil
			w.reach(egress.Policy{}, transport.SSH{})
			w.mustPush(w.first())
			w.arrived()
		})
	}
}

// TestFailuresThatPass are not seen from outside.
func TestFailuresThatPass(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]act{"500": times(2, status(500, ""), through), "cut": times(2, cut(60), through), "cut at first": times(1, cut(1), through)} {
		w := newWorld(t, "sha1")
		w.push = act
		w.mustPush(w.first())
		w.arrived()
		if len(w.waited) == 0 {
			t.Errorf("%s: nothing was waited for", name)
		}
	}
}

// TestCutAfterAcceptance loses the report: the refs say that all is well, or what is left to be done.
func TestCutAfterAcceptance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.push = cut(100)
	w.mustPush(w.first())
	w.arrived()
	if n := w.pushes(); len(n) != 1 || len(w.waited) > 0 {
		t.Errorf("pushes of %d bytes, waits of %v", n, w.waited)
	}

	testenv.Grow(t, w.source, "refs/heads/trunk", "a.txt", 1)
	testenv.Git(t, w.source, "update-ref", "-d", "refs/heads/topic-0")
	testenv.Git(t, w.source, "branch", "again", "trunk~3")
	w.take(w.from, "refs/heads/trunk", "^refs/heads/trunk~1")
	w.hook("update", `test "$1" = refs/heads/again && exit 1; exit 0`)
	p := w.first()
	p.Whole = false
	w.push = times(1, cut(100), through)
	res, err := w.Push(t.Context(), p)
	must(t, err)
	if got := names(res.Refused); fmt.Sprint(got) != "[refs/heads/again]" {
		t.Errorf("refused: %+v", res.Refused)
	}
	if n := w.pushes(); len(n) != 2 {
		t.Errorf("pushes of %d bytes", n)
	}
}

// TestOddReports believes nothing that was not asked, and takes what is missing for a refusal.
func TestOddReports(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("no ", 10_000)
	for _, c := range []struct {
		name    string
		lines   []string
		refused int // -1: all
		words   string
	}{
		{"nothing of any ref", []string{"unpack ok"}, -1, "what became of it"},
		{"refs that were not asked", []string{"unpack ok", "ok refs/heads/other", "ng refs/heads/yet-another because"}, -1, "what became of it"},
		{"the same ref twice", []string{"unpack ok", "ok refs/heads/trunk", "ng refs/heads/trunk after all"}, -1, "after all"},
		{"no reason", []string{"unpack ok", "ng refs/heads/trunk"}, -1, "no reason given"},
		{"a long reason with controls", []string{"unpack ok", "ng refs/heads/trunk \x1b[2J<b>" + long[:2000]}, -1, "<b>no no"},
		{"a reason with the password", []string{"unpack ok", "ng refs/heads/trunk u:hunter2 may not"}, -1, "[redacted] may not"},
		{"a reason that is cut in the password", []string{"unpack ok", "ng refs/heads/trunk " + strings.Repeat("x", maxReason-5) + "hunter2"}, -1, "xxx[reda"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sha1")
			w.push = reports(false, c.lines...)
			p := w.first()
			res, err := w.Push(t.Context(), p)
			must(t, err)
			if len(res.Refused) != len(p.Updates) {
				t.Errorf("%d refused of %d", len(res.Refused), len(p.Updates))
			}
			found := false
			for _, r := range res.Refused {
				found = found || strings.Contains(r.Words, c.words)
				if len(r.Words) > 2000 || strings.ContainsAny(r.Words, "\x1b\r\n") || strings.Contains(r.Words, "hunt") {
					t.Errorf("%q", r.Words)
				}
			}
			if !found {
				t.Errorf("nothing says %q: %+v", c.words, res.Refused)
			}
		})
	}
}

// TestSecretsStayHere has a destination repeat what it was sent, wherever it can.
func TestSecretsStayHere(t *testing.T) {
	t.Parallel()
	const echo = "u:hunter2"
	for name, act := range map[string]act{
		"status":   status(500, "go away, "+echo),
		"unpack":   reports(false, "unpack "+echo),
		"sideband": raw(pkt("\x03%s", echo) + "0000"),
		"cut":      raw(pkt("\x03%s", strings.Repeat("x", maxReason-5)+"hunter2") + "0000"),
		"words":    raw(pkt("\x02%s", echo+"\n") + pkt("\x01%s", pkt("unpack error\n")+"0000") + "0000"),
		"type": func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", "text/hunter2")
		},
	} {
		w := newWorld(t, "sha1")
		w.push = act
		_, err := w.Push(t.Context(), w.first())
		e := rehome.AsError(err)
		if err == nil || strings.Contains(e.Message+e.Hint, "hunt") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestTalksOnAndOn ends conversations that would not end.
func TestTalksOnAndOn(t *testing.T) {
	t.Parallel()
	line := pkt("%s", "ok refs/heads/x"+strings.Repeat("x", 900)+"\n")
	for name, piece := range map[string]string{
		"report": pkt("\x01%s", strings.Repeat(line, 60)),
		"words":  pkt("\x02%s", strings.Repeat("talk ", 12_000)),
	} {
		w := newWorld(t, "sha1")
		var said atomic.Int64
		w.push = func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
			io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/x-git-receive-pack-result")
			io.WriteString(rw, pkt("\x01%s", pkt("unpack ok\n")))
			for r.Context().Err() == nil && said.Add(int64(len(piece))) < 1<<30 {
				io.WriteString(rw, piece)
			}
		}
		_, err := w.Push(t.Context(), w.first())
		if rehome.CodeOf(err) != rehome.DestinationRefused {
			t.Errorf("%s: %v", name, err)
		}
		w.server.Test.CloseClientConnections()
		if said.Load() >= 1<<30 {
			t.Errorf("%s: nobody ended it", name)
		}
	}
}

// TestFailingReads is about the first question: it says what is the matter with the destination, not with a source.
func TestFailingReads(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		act   act
		code  rehome.Code
		words string
	}{
		{"401", status(401, ""), rehome.DestinationRefused, "password"},
		{"403", status(403, "members only"), rehome.DestinationRefused, "members only"},
		{"404", status(404, ""), rehome.DestinationMissing, "404"},
		{"500", status(500, ""), rehome.DestinationCutOff, "500"},
		{"HTML", html, rehome.DestinationMissing, "text/html"},
		{"cut", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, rehome.DestinationCutOff, ""},
		{"hang", hang, rehome.DestinationCutOff, "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "sha1")
			p := w.first()
			p.Limit = 1 << 40 // nobody has to be asked for it
			w.silence = 300 * time.Millisecond
			w.all, w.push = c.act, c.act
			_, err := w.Read(t.Context(), w.at)
			_, pushed := w.Push(t.Context(), p)
			for _, err := range []error{err, pushed} {
				e := rehome.AsError(err)
				if e.Code != c.code || !strings.Contains(e.Message+e.Hint, c.words) || strings.Contains(e.Message+e.Hint, "hunter2") || strings.Contains(e.Message, "source") {
					t.Errorf("%+v", e)
				}
			}
			w.all, w.push, w.silence = nil, nil, time.Minute
			w.mustPush(p)
			w.arrived()
		})
	}
}

// TestWrongCredentials are refused, and right ones taken.
func TestWrongCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	p := w.first()
	for _, password := range []rehome.Secret{"", "wrong-one"} {
		p.Password = password
		if password == "" {
			p.Username = ""
		}
		_, err := w.Push(t.Context(), p)
		if e := rehome.AsError(err); e.Code != rehome.DestinationRefused || e.Hint == "" || strings.Contains(e.Message, "wrong-one") {
			t.Errorf("%q: %+v", password, e)
		}
		p.Username = "u"
	}
	p.Password = "hunter2"
	w.mustPush(p)
	w.arrived()
}

// TestCancelled ends at once.
func TestCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	ctx, cancel := context.WithCancel(t.Context())
	w.push = func(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
		cancel()
		io.Copy(io.Discard, r.Body)
	}
	_, err := w.Push(ctx, w.first())
	if rehome.CodeOf(err) != rehome.Cancelled || len(w.pushes()) != 1 {
		t.Error(err)
	}
}

// html answers as a page does.
func html(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	io.WriteString(w, "<html>sign in</html>")
}

// hang reads everything and says nothing.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// raw answers with these bytes.
func raw(text string) act {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		io.Copy(w, bytes.NewBufferString(text))
	}
}

// TestShortPassword takes no letter of a word for a password that is one letter.
func TestShortPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.all = func(rw http.ResponseWriter, _ *http.Request, _ http.Handler) { http.NotFound(rw, nil) }
	l := w.at
	l.Password = "p"
	if e := rehome.AsError(w.Ask(t.Context(), l, false)); e.Code != rehome.DestinationMissing || !strings.Contains(e.Message, "status 404") {
		t.Errorf("%+v", e)
	}
}

// TestForbiddenWithoutCredentials tells status and words of a push that nobody signed in for.
func TestForbiddenWithoutCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sha1")
	w.all = func(rw http.ResponseWriter, r *http.Request, onward http.Handler) {
		r.SetBasicAuth("u", "hunter2") // anybody may look
		onward.ServeHTTP(rw, r)
	}
	for words, want := range map[string]string{"pushing is for members": "pushing is for members", "": "status 403"} {
		w.push = status(http.StatusForbidden, words)
		p := w.first()
		p.Username, p.Password = "", ""
		_, err := w.Push(t.Context(), p)
		if e := rehome.AsError(err); e.Code != rehome.DestinationRefused || !strings.Contains(e.Message, want) || !strings.Contains(e.Message, "403") {
			t.Errorf("%+v", e)
		}
	}
}
