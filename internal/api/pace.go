package api

import (
	"io"
	"net/http"
	"slices"
	"time"
)

// pace is how long a client may take.
type pace struct {
	body  time.Duration // to send a body
	write time.Duration // to take a piece of an answer
}

var patient = pace{body: 30 * time.Second, write: 30 * time.Second}

// hurry bounds the time a body may take, also one that nobody reads: net/http waits for it before it lets the
// connection serve another request. Whoever reads one longer than that sets deadlines of his own.
func (p pace) hurry(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.body)) //nolint:errcheck // a writer without deadlines is a test's
	}
}

// steady gives a client time for each piece of a long answer, not for all of it. net/http takes the deadline away
// before the next request.
type steady struct {
	w       io.Writer
	control *http.ResponseController
	within  time.Duration // for each piece
}

func (p pace) steady(w http.ResponseWriter) steady {
	return steady{w, http.NewResponseController(w), p.write}
}

func (s steady) hurry() {
	s.control.SetWriteDeadline(time.Now().Add(s.within)) //nolint:errcheck // not every writer knows deadlines; without one the connection's own holds
}

func (s steady) Write(p []byte) (int, error) {
	s.hurry()
	return s.w.Write(p)
}

const pieceSize = 64 << 10

// send writes a body piece by piece. With a client that is gone nothing is left to be told to it.
func (s steady) send(body []byte) {
	for piece := range slices.Chunk(body, pieceSize) {
		if _, err := s.Write(piece); err != nil {
			return
		}
	}
}
