package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// worthwhile is how long an answer is compressed from, in bytes: less goes in one packet anyway.
const worthwhile = 1400

// packers are gzip writers that wait for work: each has some hundred kB of tables.
var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a good one
	return z
}}

// packed is text by gzip.
func packed(text []byte) []byte {
	var small bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&small)
	z.Write(text) //nolint:errcheck // a buffer takes everything
	z.Close()     //nolint:errcheck // as above
	return small.Bytes()
}

// takesGzip reports whether a browser says so (RFC 9110, 12.5.3). A weight of zero is a no.
func takesGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, _ := strings.Cut(one, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		_, q, weighed := strings.Cut(weight, "=")
		n, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighed || err == nil && n > 0
	}
	return false
}

// strange reports whether another site had the browser ask. Such an answer tells by its length what it holds beside what the other site
// had it repeat (BREACH), so it goes as it is. Browsers say so on https and on loopback only; who does not is taken for one of here.
func strange(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "same-origin" && site != "none"
}

// send sends an answer, whose headers but for the length are set: by gzip where that is worth it and the browser takes it. Half of it never
// looks whole: its length is said before, and what cannot be sent ends the connection.
func (v *visit) send(status int, body []byte) {
	h := v.w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) >= worthwhile && takesGzip(v.r) && !strange(v.r) {
		h.Set("Content-Encoding", "gzip")
		body = packed(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	v.w.WriteHeader(status)
	if v.r.Method == http.MethodHead {
		return
	}
	if _, err := steady(v.w).Write(body); err != nil {
		panic(http.ErrAbortHandler)
	}
}
