package web

import (
	"io"
	"net/http"
	"slices"
	"time"
)

// patience is how long a browser may take for each piece of an answer.
const patience = 30 * time.Second

const pieceSize = 64 << 10

// paced writes an answer in pieces, each of which has to be taken within patience: nobody holds a page in memory for ever.
type paced struct {
	w       io.Writer
	control *http.ResponseController
}

func steady(w http.ResponseWriter) paced { return paced{w, http.NewResponseController(w)} }

func (p paced) Write(text []byte) (n int, err error) {
	for piece := range slices.Chunk(text, pieceSize) {
		p.control.SetWriteDeadline(time.Now().Add(patience)) //nolint:errcheck // a writer without deadlines has those of its connection
		wrote, err := p.w.Write(piece)
		if n += wrote; err != nil {
			return n, err
		}
	}
	return n, nil
}
