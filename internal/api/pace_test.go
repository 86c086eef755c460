package api

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rehome/internal/auth"
)

// timed keeps the deadlines that a handler sets.
type timed struct {
	*httptest.ResponseRecorder
	read, write []time.Time
	writes      int
}

func (w *timed) SetReadDeadline(at time.Time) error {
	w.read = append(w.read, at)
	return nil
}

func (w *timed) SetWriteDeadline(at time.Time) error {
	w.write = append(w.write, at)
	return nil
}

func (w *timed) Write(p []byte) (int, error) {
	w.writes++
	return w.ResponseRecorder.Write(p)
}

// TestNobodyMayDawdle: a body that nobody reads has to come, too, and an answer to be taken.
func TestNobodyMayDawdle(t *testing.T) {
	s := start(t, nil)
	token := s.token(t, auth.Grant{User: "octocat"})
	s.create(t, token, "socm", "")
	const at = "/repos/octocat/socm/import"
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
		waits                           bool // net/http still waits for the body when the handler is done
	}{
		{"no body", "GET", at, token, "", 404, false},
		{"without a token", "PUT", at, "", "{}", 401, true},
		{"to nowhere", "POST", "/nowhere", token, "{}", 404, true},
		{"where none is read", "DELETE", at, token, "{}", 404, true},
		{"a push without a token", "POST", "/octocat/socm.git/git-receive-pack", "", "0000", 401, true},
		{"read", "PUT", at, token, "{}", 422, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "http://new.example"+c.path, strings.NewReader(c.body))
		if c.token != "" {
			r.Header.Set("Authorization", "token "+c.token)
		}
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		s.api.ServeHTTP(w, r)
		waits := len(w.read) > 0 && !w.read[len(w.read)-1].IsZero()
		if w.Code != c.status || waits != c.waits {
			t.Errorf("%s: status %d, deadlines %v; want %d, a last one %v", c.name, w.Code, w.read, c.status, c.waits)
		}
		if isGit := strings.Contains(c.path, ".git/"); !isGit && (len(w.write) == 0 || w.write[len(w.write)-1].IsZero()) {
			t.Errorf("%s: the client may take the answer when it likes", c.name)
		}
	}
}

// TestLongAnswersGoOutInPieces: each has its own time, so that slow clients get all of them.
func TestLongAnswersGoOutInPieces(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 2*pieceSize+1)
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	patient.steady(w).send(body)
	if !bytes.Equal(w.Body.Bytes(), body) || w.writes != 3 || len(w.write) != 3 {
		t.Errorf("%d bytes in %d pieces with %d deadlines, want %d in 3", w.Body.Len(), w.writes, len(w.write), len(body))
	}
}
