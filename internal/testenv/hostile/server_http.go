package hostile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"rehome"
)

// statuses are answers that HTTP knows.
func statuses() []Case {
	all := []Case{
		served("401 for ever", "loops", Outcome{Code: rehome.CredentialsRefused}, func(s *server) {
			s.first = s.atMost(3, func(w http.ResponseWriter, _ *http.Request) {
				for i := range 1000 {
					w.Header().Add("WWW-Authenticate", fmt.Sprintf("Scheme%d realm=\"x\"", i))
				}
				w.WriteHeader(http.StatusUnauthorized)
			})
		}),
		served("HTML with 200", "finding 3: a login page is no repository", nothing, func(s *server) { s.first = says("text/html; charset=utf-8", "<html>sign in") }),
		served("HTML called a repository", "finding 3: a login page is no repository", nothing, func(s *server) { s.first = says(advertisement, "<html><body>sign in") }),
		served("no content type", "finding 3: a login page is no repository", nothing, func(s *server) {
			s.first = func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				io.WriteString(w, v2) //nolint:errcheck
			}
		}),
		served("a content type with orders to terminals", "terminal escapes (CVE-2024-52005)", nothing, func(s *server) { s.first = says("text/x\u202e\u2066", v2) }),
		served("the content type of pushes", "a login page is no repository", nothing, func(s *server) { s.first = says("application/x-git-receive-pack-advertisement", v2) }),
		served("the list of refs as HTML", "a login page is no repository", nothing, func(s *server) { s.list = says("text/html", "sign in") }),
		served("a page in place of the pack", "a login page is no repository", nothing, func(s *server) { s.fetch = says("text/html", "sign in") }),
		served("words of a refusal that never end", "streams without end", Outcome{Code: rehome.CredentialsRefused}, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(http.StatusForbidden)
				endlessly("text/plain", "", "\x1b[31mno ")(w, r)
			}
		}),
		served("cookies", "cross-origin state", complete, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Set-Cookie", "canary=1; Domain=127.0.0.1; Path=/")
				s.repository.ServeHTTP(w, r)
			}
			s.list = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Cookie") != "" {
					s.t.Error("a cookie was kept")
				}
				s.repository.ServeHTTP(w, r)
			}
		}),
	}
	for status, want := range map[int]Outcome{
		201: nothing, 204: nothing, 206: nothing, 300: nothing, 304: nothing, 400: nothing, 404: nothing, 410: nothing, 418: nothing, 451: nothing, 407: nothing,
		429: unreachable, 500: unreachable, 503: unreachable, 599: unreachable,
	} {
		after := "99999999999999999999"
		if status%2 == 1 {
			after = "Fri, 31 Dec 9999 23:59:59 GMT"
		}
		all = append(all, served(fmt.Sprintf("status %d, again after %s", status, after), "absurd waits", want, func(s *server) {
			s.first = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", advertisement)
				w.Header().Set("Retry-After", after)
				w.WriteHeader(status)
			}
		}))
	}
	return all
}

// streams are answers that are hardly HTTP, or never end.
func streams() []Case {
	return slices.Concat(rawAnswers(), []Case{
		served("a gzip bomb", "decompression bombs", nothing, func(s *server) { s.first = squeezed(advertisement) }),
		served("a gzip bomb for a list of refs", "decompression bombs", nothing, func(s *server) { s.list = squeezed(result) }),
		served("a gzip bomb for a pack", "decompression bombs", nothing, func(s *server) { s.fetch = squeezed(result) }),
		served("an advertisement without end", "streams without end", Outcome{Code: rehome.LimitPassed}, func(s *server) {
			s.first = endlessly(advertisement, serviceLine+lines(absent+" HEAD\x00side-band-64k"), lines(absent+" refs/heads/a"))
		}),
		served("refs without end", "streams without end", Outcome{Code: rehome.LimitPassed}, func(s *server) { s.list = endlessly(result, "", lines(absent+" refs/heads/a")) }),
		served("capabilities without end", "streams without end", Outcome{Code: rehome.LimitPassed}, func(s *server) { s.first = endlessly(advertisement, serviceLine+lines("version 2"), lines("x=y")) }),
		served("zeros without end", "streams without end", nothing, func(s *server) { s.first = endlessly(advertisement, "", "\x00") }),
		impatient(served("silence", "a server that hangs", unreachable, func(s *server) { s.first = hangs("", "") })),
		impatient(served("silence after the headers", "a server that hangs", unreachable, func(s *server) { s.first = hangs(advertisement, "") })),
		impatient(served("silence in the middle of the advertisement", "a server that hangs", unreachable, func(s *server) { s.first = hangs(advertisement, v2[:40]) })),
		impatient(served("silence before the refs", "a server that hangs", unreachable, func(s *server) { s.list = hangs("", "") })),
		impatient(served("silence in the middle of the pack", "a server that hangs", halfway, func(s *server) { s.fetch = hangs(result, lines("packfile")+"0010\x01PACK") })),
		impatient(served("a byte now and then", "a server that is slow for ever", unreachable, func(s *server) {
			s.first = func(w http.ResponseWriter, r *http.Request) {
				endless := strings.NewReader(serviceLine + strings.Repeat(lines(absent+" refs/heads/a"), 1000))
				w.Header().Set("Content-Type", advertisement)
				for r.Context().Err() == nil {
					if _, err := io.CopyN(w, endless, 1); err != nil {
						return
					}
					w.(http.Flusher).Flush()
					time.Sleep(time.Millisecond)
				}
			}
		})),
	})
}

// impatient has an import wait for a moment only.
func impatient(c Case) Case {
	c.Impatient = true
	return c
}

// squeezed is 64 MiB of nothing in 64 KiB.
func squeezed(kind string) http.HandlerFunc {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one
	io.CopyN(z, zeros{}, 64<<20)                          //nolint:errcheck // memory
	z.Close()
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		says(kind, b.String())(w, r)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// rawAnswers are written to the connection as they stand, once a request came.
func rawAnswers() (all []Case) {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: " + advertisement + "\r\n"
	chunked := head + "Transfer-Encoding: chunked\r\n\r\n"
	notHTTP := Outcome{Code: rehome.NotARepository, Says: []string{"does not speak HTTP"}}
	for name, c := range map[string]struct {
		answer string
		want   Outcome
	}{
		"HTTP/0.9":                          {"<html>sign in</html>\r\n", notHTTP},
		"a version that is none":            {"HTTP/9.9.9 200 OK\r\n\r\n", notHTTP},
		"a status that is none":             {"HTTP/1.1 2OO OK\r\n\r\n", notHTTP},
		"a service that greets":             {"220 mail.example ESMTP\r\n", notHTTP},
		"nothing at all":                    {"", unreachable},
		"a header with a zero":              {head + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", unreachable},
		"a header without colon":            {head + "nonsense\r\n\r\n", unreachable},
		"a header that folds":               {head + " X-A: a\r\n\r\n", nothing},
		"a length below zero":               {head + "Content-Length: -7\r\n\r\n", unreachable},
		"two lengths":                       {head + "Content-Length: 7\r\nContent-Length: 9\r\n\r\n1234567", unreachable},
		"a length that is none":             {head + "Content-Length: 0x10\r\n\r\n", unreachable},
		"a longer length":                   {head + "Content-Length: 99999999999\r\n\r\n" + v2[:60], unreachable},
		"a shorter length":                  {head + "Content-Length: 40\r\n\r\n" + v2, unreachable},
		"length and chunks":                 {head + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", unreachable},
		"chunks that are none":              {chunked + "nonsense\r\n", unreachable},
		"a chunk of a terabyte":             {chunked + "ffffffffff\r\n" + v2[:40], unreachable},
		"a chunk below zero":                {chunked + "-7\r\n" + v2, unreachable},
		"a chunk longer than a number":      {chunked + strings.Repeat("f", 40) + "\r\n" + v2, unreachable},
		"a chunk without its end":           {chunked + "28\r\n" + v2[:40] + "xx", unreachable},
		"a transfer encoding unheard of":    {head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", unreachable},
		"another protocol":                  {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nx", nothing},
		"a reason with orders to terminals": {"HTTP/1.1 404 \x1b[2J\x07\r\nContent-Length: 0\r\n\r\n", nothing},
	} {
		all = append(all, listened(name, "answers that are hardly HTTP", "http", c.want, func(conn net.Conn) {
			if readHead(conn) {
				io.WriteString(conn, c.answer) //nolint:errcheck
			}
		}))
	}
	for name, c := range map[string]struct{ first, more string }{
		"a header without end":     {"HTTP/1.1 200 OK\r\nX-A: ", "aaaaaaaaaaaaaaaa"},
		"headers without end":      {"HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaa\r\n"},
		"a status without end":     {"HTTP/1.1 200 ", "OKOKOKOKOKOKOKOK"},
		"100 Continue for ever":    {"", "HTTP/1.1 100 Continue\r\n\r\n"},
		"a chunk line without end": {"HTTP/1.1 200 OK\r\nContent-Type: " + advertisement + "\r\nTransfer-Encoding: chunked\r\n\r\n1;", "xxxxxxxxxxxxxxxx"},
	} {
		all = append(all, listened(name, "streams without end", "http", unreachable, func(conn net.Conn) {
			if readHead(conn) {
				pour(conn, c.first, c.more)
			}
		}))
	}
	return all
}

// readHead reads a request up to its body.
func readHead(conn net.Conn) bool {
	var head []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(head, []byte("\r\n\r\n")) {
		n, err := conn.Read(buf)
		if head = append(head, buf[:n]...); err != nil {
			return false
		}
	}
	return true
}

// pour writes more until nobody reads.
func pour(conn net.Conn, first, more string) {
	_, err := io.WriteString(conn, first)
	for more = strings.Repeat(more, 4096); err == nil; {
		_, err = io.WriteString(conn, more)
	}
}
